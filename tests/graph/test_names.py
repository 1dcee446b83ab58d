from pipeline.graph.names import Names


def test_a_name_that_is_taken_gets_the_first_free_number():
    names = Names({"conv", "conv_3"})
    assert [names.claim("conv") for _ in range(3)] == ["conv_2", "conv_4", "conv_5"]
    assert names.claim("pool") == "pool"
    assert "pool" in names


def test_the_ten_thousandth_of_a_name_is_found_as_fast_as_the_first():
    class Counted(Names):
        looks = 0

        def __contains__(self, name: object) -> bool:
            self.looks += 1
            return super().__contains__(name)

    names = Counted()
    assert [names.claim("conv") for _ in range(10_000)][-1] == "conv_10000"
    assert names.looks < 30_000

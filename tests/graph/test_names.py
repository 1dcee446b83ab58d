from pipeline.graph.names import Names


def test_a_name_that_is_taken_gets_the_first_free_number():
    names = Names({"conv", "conv_3"})
    assert [names.claim("conv") for _ in range(3)] == ["conv_2", "conv_4", "conv_5"]
    assert names.claim("pool") == "pool"
    assert "pool" in names

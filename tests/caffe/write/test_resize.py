import pytest

from tests.caffe.write.check import Case, check, single


def cases() -> dict[str, Case]:
    image = (2, 3, 4, 5)
    aligned = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    return {
        "Resize": single("Resize", image, scales=(1.0, 1.0, 2.0, 3.0)),
        "Resize one axis": single("Resize", (2, 3, 5), scales=(1.0, 1.0, 2.0)),
        "Resize three axes": single("Resize", (1, 2, 2, 3, 2), scales=(1.0, 1.0, 2.0, 1.0, 3.0)),
        "Resize by a fraction": single("Resize", image, scales=(1.0, 1.0, 1.5, 0.6)),
        "Resize many by a fraction": single("Resize", (1, 2, 24, 3), scales=(1.0, 1.0, 1.7, 1.0)),
        "Resize to sizes": single("Resize", image, sizes=(2, 3, 7, 3)),
        "Resize linear": single("Resize", image, scales=(1.0, 1.0, 2.0, 2.0), **aligned),
        "Resize linear to sizes": single("Resize", image, sizes=(2, 3, 9, 3), **aligned),
        "Resize linear, asymmetric": single("Resize", image, scales=(1.0, 1.0, 2.0, 1.5), mode="linear"),
        "Resize to one": single("Resize", image, sizes=(2, 3, 1, 1), **aligned),
    }


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])

"""The tree crowns: every crown is in a tile, and nothing that a detector has learned comes before it again."""

import numpy as np
import pytest

from batchservices import onnxfile
from config.demonstration import trees
from datasets.formats import voc
from datasets.images import open_image


def test_the_photographs_carry_the_boxes_that_their_files_say() -> None:
    assert {name: len(trees.photograph(name).boxes) for name in trees.PHOTOGRAPHS} == {
        "meadow": 574,
        "road": 279,
        "sand": 61,
        "snags": 37,
    }


@pytest.mark.parametrize("name", trees.PHOTOGRAPHS)
def test_tiles_cover_the_photograph_with_every_crown_in_its_place(name: str) -> None:
    whole = trees.photograph(name)
    covered = np.zeros(whole.pixels.shape[:2], bool)
    for tile in trees.tiles([name]):
        assert tile.pixels.shape == (256, 256, 3)
        covered[tile.top : tile.top + 256, tile.left : tile.left + 256] = True
        if len(tile.boxes):
            moved = tile.boxes + np.array([tile.left, tile.top, tile.left, tile.top])
            overlaps = trees.overlaps(moved, whole.boxes).max(axis=1)
            assert overlaps.min() >= trees.LEAST_VISIBLE - 1e-6
    assert covered.all()


def test_a_tile_as_files_reads_as_it_was() -> None:
    tile = trees.tiles(["sand"])[0]
    assert (open_image(tile.png()).rgb == tile.pixels).all()
    read = voc.parse(tile.voc(), file="a.xml")
    assert [(box.xmin, box.ymin, box.xmax, box.ymax) for box in read.objects] == [tuple(box) for box in tile.boxes]


def test_no_photograph_is_in_both_halves_and_no_tile_twice() -> None:
    assert set(trees.LABELED) | set(trees.INPUTS) == set(trees.PHOTOGRAPHS)
    assert not set(trees.LABELED) & set(trees.INPUTS)
    names = [tile.name for tile in trees.tiles(list(trees.PHOTOGRAPHS))]
    assert len(set(names)) == len(names)
    labeled = {tile.photograph for tile in trees.tiles(trees.LABELED)}
    assert not labeled & {tile.photograph for tile in trees.tiles(trees.INPUTS)}


def test_each_half_has_a_detector_of_its_own_that_the_door_accepts() -> None:
    """Small, of standard operators, and another for the photographs that the first one learned."""
    detectors = {half: trees.detector(half[0]) for half in trees.HALVES}
    assert len(set(detectors.values())) == 2
    assert sum(map(len, detectors.values())) < 2_000_000
    for half, data in detectors.items():
        assert {trees.detector(name) for name in half} == {data}
        found = onnxfile.inspect(data)
        assert [port["name"] for port in found["outputs"]] == ["boxes", "scores", "classes"]
        assert found["opset"] <= 20


def test_empty_crops_hold_nothing() -> None:
    crops = list(trees.empty_crops("meadow", count=30, seed=3))
    assert len(crops) == 30
    boxes = trees.photograph("meadow").boxes
    for crop in crops:
        side = len(crop.pixels)
        place = np.array([[crop.left, crop.top, crop.left + side, crop.top + side]], float)
        assert not trees.overlaps(place, boxes).any()
        assert not len(crop.boxes)


def test_missed_crops_are_those_where_no_detection_touches_a_crown() -> None:
    """A detector that is blind to what is small misses all of a cut only where all is small."""

    def large_only(cut: trees.Cut) -> np.ndarray:
        return cut.boxes[(cut.boxes[:, 2:] - cut.boxes[:, :2]).min(axis=1) > 40]

    crops = list(trees.missed_crops("meadow", detect=large_only, count=20, seed=3))
    assert len(crops) == 20
    assert all(len(crop.boxes) and not len(large_only(crop)) for crop in crops)
    assert not list(trees.missed_crops("meadow", detect=lambda cut: cut.boxes, count=2, seed=3, tries=20))

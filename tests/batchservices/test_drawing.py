"""Predictions are drawn as they were said."""

from batchservices.drawing import LISTED, drawn


def test_boxes_are_drawn_in_pixels_of_the_image_with_their_confidence() -> None:
    said = drawn(
        {
            "detection_classes": ["tree", "a very long name of a class, indeed"],
            "detection_boxes": [[10, 20, 30, 60], [0, 0, 48, 64]],
            "detection_scores": [0.93, 0.3],
        },
        64,
        48,
    )
    largest, tree = said.boxes
    assert (tree.x, tree.y, tree.width, tree.height, tree.confidence) == (20, 10, 40, 20, 0.93)
    assert (largest.doubtful, tree.doubtful) == (True, False)
    assert largest.short.endswith("…")
    assert largest.text_y > 0, "the label of a box at the upper edge stands inside of it"
    assert said.listed[0].label == "tree"
    assert said.bars == []


def test_a_label_at_the_right_edge_stands_in_the_picture_as_a_whole() -> None:
    said = drawn(
        {
            "detection_classes": ["traffic light", "tree"],
            "detection_boxes": [[100, 610, 200, 630], [100, 20, 200, 60]],
            "detection_scores": [0.93, 0.8],
        },
        640,
        480,
    )
    light, tree = sorted(said.boxes, key=lambda box: box.label)
    assert light.x == 610
    assert 300 < light.text_x < 640 - len("traffic light 0.93") * said.letter / 2
    assert tree.text_x == tree.x


def test_many_boxes_are_listed_in_part_and_counted() -> None:
    number = LISTED + 4
    said = drawn(
        {
            "detection_classes": ["tree"] * number,
            "detection_boxes": [[1, 1, 9, 9]] * number,
            "detection_scores": [0.5] * number,
        },
        10,
        10,
    )
    assert (len(said.boxes), len(said.listed), said.more) == (number, LISTED, 4)


def test_a_detector_may_find_nothing() -> None:
    assert drawn({"detection_classes": [], "detection_boxes": [], "detection_scores": []}, 10, 10).nothing


def test_a_classifier_has_bars_the_surest_first() -> None:
    said = drawn({"predicted_label": "cat", "scores": [["cat", "0.9"], ["dog", "0.1"]]}, 10, 10)
    assert said.bars == [("cat", 0.9), ("dog", 0.1)]
    assert not said.boxes
    assert not said.nothing

"""Predictions in ModelArts' exact words, and back without a digit lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from batchservices.predictions import (
    Classification,
    Detection,
    classification_json,
    detection_json,
    from_modelarts,
    manifest_line,
    manifest_name,
    result_name,
    to_modelarts,
)
from config.refusals import Refused

NAMES = [f"class {number}" for number in range(7)]
BAD: list[tuple[object, str]] = [
    (None, "bad_prediction"),
    ([], "bad_prediction"),
    ({}, "bad_prediction"),
    ({"predicted_label": 7}, "bad_prediction"),
    ({"predicted_label": "dog", "scores": {"dog": 1}}, "bad_prediction"),
    ({"predicted_label": "dog", "scores": [["dog"]]}, "bad_prediction"),
    ({"predicted_label": "dog", "scores": [["dog", "1.7"]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", "-0.1"]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", "NaN"]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", "Infinity"]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", None]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", True]]}, "bad_scores"),
    ({"predicted_label": "dog", "scores": [["dog", 10**400]]}, "bad_scores"),
    ({"detection_classes": ["dog"]}, "bad_prediction"),
    ({"detection_classes": ["dog"], "detection_boxes": [], "detection_scores": []}, "length_mismatch"),
    ({"detection_classes": [1], "detection_boxes": [[0, 0, 1, 1]], "detection_scores": [1]}, "bad_prediction"),
    ({"detection_classes": ["a"], "detection_boxes": [[0, 0, 1]], "detection_scores": [1]}, "bad_box"),
    ({"detection_classes": ["a"], "detection_boxes": [[9, 0, 1, 1]], "detection_scores": [1]}, "bad_box"),
    ({"detection_classes": ["a"], "detection_boxes": [["NaN", 0, 1, 1]], "detection_scores": [1]}, "bad_box"),
    ({"detection_classes": ["a"], "detection_boxes": [[0, 0, 1, 1]], "detection_scores": ["2"]}, "bad_scores"),
    (
        {"detection_classes": ["a"] * 2000, "detection_boxes": [[0, 0, 1, 1]] * 2000, "detection_scores": [1] * 2000},
        "too_many_boxes",
    ),
]


def test_a_classification_names_the_best_five_with_confidences_as_text() -> None:
    probabilities = np.array([0.05, 0.5, 0.1, 0.2, 0.08, 0.04, 0.03], np.float32)
    assert classification_json(probabilities, NAMES) == {
        "predicted_label": "class 1",
        "scores": [
            ["class 1", "0.5"],
            ["class 3", "0.2"],
            ["class 2", "0.1"],
            ["class 4", "0.08"],
            ["class 0", "0.05"],
        ],
    }


def test_a_detection_lists_boxes_as_ymin_xmin_ymax_xmax() -> None:
    boxes = np.array([[30.5, 12, 330, 210.2]], np.float32)
    assert detection_json(boxes, ["dog"], np.array([0.98], np.float32)) == {
        "detection_classes": ["dog"],
        "detection_boxes": [[12.0, 30.5, 210.2, 330.0]],
        "detection_scores": [0.98],
    }


@given(arrays(np.float32, 4, elements=st.floats(0, 1, width=32)))
def test_no_digit_of_a_confidence_is_lost(probabilities: np.ndarray) -> None:
    read = from_modelarts(classification_json(probabilities, NAMES[:4]))
    assert isinstance(read, Classification)
    assert [np.float32(value) for _, value in read.scores] == sorted(probabilities, reverse=True)
    assert from_modelarts(to_modelarts(read)) == read


@given(arrays(np.float32, 2, elements=st.floats(0, 1000, width=32)), st.floats(0, 1, width=32))
def test_no_digit_of_a_box_is_lost(corner: np.ndarray, confidence: float) -> None:
    box = np.array([*corner, *(corner + np.float32(10))], np.float32)
    read = from_modelarts(detection_json(box[None], ["dog"], np.array([confidence], np.float32)))
    assert isinstance(read, Detection)
    assert np.array_equal(np.array(read.boxes[0], np.float32), box)
    assert np.float32(read.confidences[0]) == np.float32(confidence)
    assert from_modelarts(to_modelarts(read)) == read


def test_both_spellings_and_numbers_or_texts_are_read() -> None:
    expected = Classification("dog", (("dog", 0.93), ("cat", 0.05)))
    for key in ("predicted_label", "predict_label"):
        for first, second in (("0.93", "0.05"), (0.93, 0.05)):
            assert from_modelarts({key: "dog", "scores": [["dog", first], ["cat", second]]}) == expected
    texts = {"detection_classes": ["dog"], "detection_boxes": [["1", 2, 3, "4"]], "detection_scores": ["0.98"]}
    assert from_modelarts(texts) == Detection(("dog",), ((2.0, 1.0, 4.0, 3.0),), (0.98,))


def test_nothing_found_is_a_prediction() -> None:
    empty: dict[str, list] = {"detection_classes": [], "detection_boxes": [], "detection_scores": []}
    assert detection_json(np.zeros((0, 4), np.float32), [], np.zeros(0, np.float32)) == empty
    assert from_modelarts(empty) == Detection((), (), ())


@pytest.mark.parametrize(("prediction", "code"), BAD, ids=[f"{code} {str(data)[:60]}" for data, code in BAD])
def test_what_cannot_be_believed_is_refused(prediction: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        from_modelarts(prediction)
    assert caught.value.code == code
    assert caught.value.where["field"]


def test_a_runs_files_are_named_as_modelarts_names_them() -> None:
    assert result_name("1.jpg") == "infer-result/1.jpg_result.txt"
    assert manifest_name(7) == "infer-result-7.manifest"


def test_a_manifest_line_says_what_became_of_a_file() -> None:
    assert list(manifest_line(source="inputs:1.jpg", location="outputs:infer-result/1.jpg_result.txt").items()) == [
        ("source", "inputs:1.jpg"),
        ("result", "SUCCESSFUL"),
        ("inference-loc", "outputs:infer-result/1.jpg_result.txt"),
    ]
    assert manifest_line(source="inputs:2.jpg", error="The file is empty.") == {
        "source": "inputs:2.jpg",
        "result": "FAILED",
        "error_message": "The file is empty.",
    }

"""What exporters write beside the graph is read, whatever their notation, and never trusted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

from batchservices import metadata
from tests.corpus import onnx_exports, onnx_models


def model(**properties: str) -> ModelProto:
    return ModelProto.FromString(onnx_exports.with_properties(onnx_models.conv_net(), **properties))


NOTATIONS = {
    "ultralytics": {"names": "{0: 'cat', 1: \"dog's\", 2: 'fox'}"},
    "YOLOv5": {"stride": "32", "names": "['cat', \"dog's\", 'fox']"},
    "JSON list": {"labels": '["cat", "dog\'s", "fox"]'},
    "JSON table": {"id2label": '{"0": "cat", "2": "fox", "1": "dog\'s"}'},
    "JSON table of numbers": {"classes": '{"cat": 0, "fox": 2, "dog\'s": 1}'},
    "lines": {"class_names": "cat\ndog's\r\nfox\n"},
    "commas": {"Classes": "cat, dog's,fox"},
}


@pytest.mark.parametrize("properties", NOTATIONS.values(), ids=NOTATIONS)
def test_class_names_are_read_in_every_notation(properties: dict) -> None:
    assert metadata.read_class_names(model(**properties)) == ["cat", "dog's", "fox"]


def test_numbers_that_are_left_out_keep_their_place() -> None:
    assert metadata.read_class_names(model(names="{0: 'cat', 2: 'fox'}")) == ["cat", "class 1", "fox"]
    assert metadata.read_class_names(model(names='["N/A", "cat", "N/A"]')) == ["N/A", "cat", "N/A (2)"]


@pytest.mark.parametrize(
    "names",
    [
        "",
        "{}",
        "{0: 'cat', -1: 'dog'}",
        "{10000: 'cat'}",
        "{0: ['cat']}",
        "[1.5]",
        "['ca\\nt']",
        "['']",
        "[" * 50_000,
        "__import__('os').getcwd()" * 3,
        json.dumps(["x"] * 10_001),
        json.dumps(["x" * 300]),
    ],
    ids=lambda names: names[:20],
)
def test_what_is_no_list_of_names_is_none(names: str) -> None:
    found = metadata.read_class_names(model(names=names))
    assert found is None or found == [names]


@given(st.text(max_size=200))
def test_any_text_is_names_that_people_can_read_or_none(text: str) -> None:
    names = metadata.read_class_names(model(names=text))
    assert names is None or (len(set(names)) == len(names) and all(name.isprintable() and name for name in names))


def test_properties_are_shown_where_they_are_short_and_readable() -> None:
    given = {"task": "detect", "imgsz": "[640, 640]", "long": "x" * 2000, "bell": "\a"}
    assert metadata.read_properties(model(**given)) == {"task": "detect", "imgsz": "[640, 640]"}
    assert len(metadata.read_properties(model(**{f"p{number}": "" for number in range(100)}))) == 64

"""Class names are read as people keep them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.class_names import names_in
from config.refusals import Refused


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("cat\n\n dog \r\n# a remark\n", ["cat", "dog"]),
        ('["cat", "dog"]', ["cat", "dog"]),
        ('{"1": "dog", "0": "cat"}', ["cat", "dog"]),
        ('{"dog": 1, "cat": 0}', ["cat", "dog"]),
        ("\ufeffcat", ["cat"]),
    ],
)
def test_names_come_in_the_order_of_the_outputs(text: str, names: list[str]) -> None:
    assert names_in(text) == names


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('{"0": "cat", "2": "dog"}', "bad_class_names", "from 0 on"),
        ('{"0": "cat", "00": "dog"}', "bad_class_names", "each once"),
        ('{"cat": "0"}', "bad_class_names", "its number"),
        ('{"0": ["cat"]}', "bad_class_names", "its name"),
        ("[1, 2]", "bad_class_names", "list of names"),
        ('["cat"', "not_json", "."),
        ('{"cat": 0, "cat": 1}', "duplicate_key", "twice"),
        ("\n".join(f"class {number}" for number in range(10_001)), "too_many_classes", "10,001"),
    ],
)
def test_what_names_no_classes_is_refused_in_words(text: str, code: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        names_in(text)
    assert refusal.value.code == code


@given(st.lists(st.text("abc äé", min_size=1).map(str.strip).filter(bool), max_size=20))
def test_lines_are_the_names(names: list[str]) -> None:
    assert names_in("\n".join(names)) == names

"""Small drawings."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.figures import ago, bins_of, dot, histogram, lasting, table_rows


def test_a_state_is_a_word_and_its_words_are_escaped() -> None:
    assert dot("<Ready>", "good") == '<span class="state state-good"><i aria-hidden="true"></i>&lt;Ready&gt;</span>'


def test_an_unknown_tone_is_an_error() -> None:
    with pytest.raises(ValueError, match="purple"):
        dot("Ready", "purple")


def test_a_time_is_relative_and_exact_on_hover() -> None:
    when = timezone.now() - timedelta(minutes=3)
    assert "3\xa0minutes ago" in ago(when)
    assert when.strftime("%Y-%m-%d %H:%M:%S") in ago(when)
    assert "–" in ago(None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (7.6, "8 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations_are_words(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_every_value_is_in_one_bin() -> None:
    assert bins_of([0.0, 0.049, 0.05, 0.999, 1.0]) == [2, 1, *[0] * 17, 2]
    assert bins_of([]) == [0] * 20


def test_a_histogram_says_its_counts_and_its_threshold() -> None:
    drawing = histogram([0, 1200], title="Confidences", threshold=0.25)
    assert "0.50 to 1.00: 1,200" in drawing
    assert drawing.count("<rect") == 1
    assert 'x1="100.0"' in drawing
    assert histogram([], title="none").count("<rect") == 0


def test_nested_values_become_rows() -> None:
    values = {
        "input": {"width": 28, "scale": [0.00392156862, 1.0], "flip": True, "names": []},
        "outputs": [{"shape": [None, 10]}, {"shape": []}],
        "class_names": ["cat"],
        "note": None,
    }
    assert table_rows(values, leave_out=["class_names"]) == [
        ("input / width", "28"),
        ("input / scale", "0.00392157, 1"),
        ("input / flip", "yes"),
        ("input / names", "–"),
        ("outputs / 1 / shape", "any, 10"),
        ("outputs / 2 / shape", "–"),
        ("note", "–"),
    ]
    assert table_rows({"numbers": list(range(100))})[0][1].endswith("11 … (100)")

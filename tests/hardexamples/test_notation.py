"""ModelArts' notation goes in and out unchanged, and nothing else goes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.refusals import Refused
from hardexamples.notation import (
    AUGMENTATIONS,
    MODELARTS_AUGMENTATIONS,
    MODELARTS_WEIGHTS,
    format_augmentations,
    format_threshold,
    format_weights,
    parse_augmentations,
    parse_threshold,
    parse_weights,
)

PUBLISHED = (
    "clustering_mining:0.2020+aug_consistent_mining:0.4265+feature_distribution_mining:0.0451+"
    "sequential_mining:0.4250+image_similarity_mining:0.0949+predict_score_mining:0.3900+"
    "anomaly_detection_mining:0.2020"
)
NUMBERS = st.floats(min_value=0, max_value=1e300, allow_nan=False).map(abs)


def test_the_published_default_is_ours() -> None:
    assert parse_weights(PUBLISHED) == MODELARTS_WEIGHTS
    assert format_weights(MODELARTS_WEIGHTS) == PUBLISHED
    assert parse_augmentations("crop:0.1+fliplr:0.1+gaussianblur:0.1") == MODELARTS_AUGMENTATIONS
    assert format_augmentations(MODELARTS_AUGMENTATIONS) == "crop:0.1+fliplr:0.1+gaussianblur:0.1"


def test_a_subset_with_spaces_is_read() -> None:
    assert parse_weights(" predict_score_mining : 0.39 + clustering_mining:1 ") == {
        "predict_score_mining": 0.39,
        "clustering_mining": 1.0,
    }


@given(st.dictionaries(st.sampled_from(list(MODELARTS_WEIGHTS)), NUMBERS, min_size=1))
def test_weights_round_trip_exactly(weights: dict[str, float]) -> None:
    weights["predict_score_mining"] = 0.1 + 0.2
    assert list(parse_weights(format_weights(weights)).items()) == list(weights.items())


@given(st.dictionaries(st.sampled_from(AUGMENTATIONS), NUMBERS))
def test_augmentations_round_trip_exactly(weights: dict[str, float]) -> None:
    assert list(parse_augmentations(format_augmentations(weights)).items()) == list(weights.items())


@given(st.floats(min_value=0, max_value=1).map(abs))
def test_threshold_round_trips_exactly(threshold: float) -> None:
    assert parse_threshold(format_threshold(threshold)) == threshold


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "predict_score_mining",
        "predict_score_mining:",
        "predict_score_mining:0.1+",
        "predict_score_mining:0.1,clustering_mining:0.1",
        "Predict_Score_Mining:0.1",
        "guessing:0.1",
        "predict_score_mining:0.1+predict_score_mining:0.1",
        "predict_score_mining:-0.1",
        "predict_score_mining:-0",
        "predict_score_mining:nan",
        "predict_score_mining:inf",
        "predict_score_mining:1e999",
        "predict_score_mining:1_0",
        "predict_score_mining:٣",
        "predict_score_mining:0.1:0.2",
        "predict_score_mining:0",
    ],
)
def test_other_texts_are_refused_with_the_field(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_weights(text)
    assert refused.value.code == "invalid_notation"
    assert refused.value.where["field"] == "comprehensive_algo_config"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_weights, parse_augmentations, parse_threshold):
        try:
            parse(text)
        except Refused as refused:
            assert refused.where["field"]  # noqa: PT017  both ways out are legal, no third


@pytest.mark.parametrize("text", ["1.1", "-0.1", "nan", "", "a lot"])
def test_a_threshold_outside_0_to_1_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_threshold(text)
    assert refused.value.where["field"] == "algo_hard_threshold"


def test_no_augmentation_is_legal_and_an_unknown_one_is_not() -> None:
    assert parse_augmentations("") == {}
    with pytest.raises(Refused) as refused:
        parse_augmentations("rotate:0.1")
    assert refused.value.where["field"] == "aug_op_config"


PRINTED = (
    # as ModelArts prints them: its default with 0.425 in three decimals, and its example of a subset
    PUBLISHED.replace("0.4250", "0.425"),
    "predict_score_mining:0.3900+anomaly_detection_mining:0.2020",
)


@pytest.mark.parametrize("text", PRINTED)
def test_what_modelarts_prints_is_read_and_printed_with_the_same_numbers(text: str) -> None:
    weights = parse_weights(text)
    printed = format_weights(weights)
    assert list(parse_weights(printed).items()) == list(weights.items())
    pairs = [part.split(":") for part in text.split("+")]
    assert [(name, float(number)) for name, number in pairs] == list(weights.items())
    assert format_weights(parse_weights(printed)) == printed


@given(st.permutations(list(MODELARTS_WEIGHTS)), st.integers(1, 7), st.data())
def test_any_subset_in_any_order_in_modelarts_decimals_prints_back_as_it_was(
    names: list[str], count: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.integers(1, 99_999), min_size=count, max_size=count))
    text = "+".join(f"{name}:{number / 10_000:.4f}" for name, number in zip(names[:count], numbers, strict=True))
    assert format_weights(parse_weights(text)) == text


@given(st.text(alphabet=":+0123456789.eE-_ clustering_mining\x00\u0663\uff11", max_size=60))
def test_hostile_texts_near_the_notation_are_refused_in_short_words(text: str) -> None:
    try:
        weights = parse_weights(text)
    except Refused as refused:
        assert len(str(refused)) < 400  # noqa: PT017  both ways out are legal, no third
    else:
        assert all(0 <= number < float("inf") for number in weights.values())

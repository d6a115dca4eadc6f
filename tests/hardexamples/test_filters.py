"""Filters in ModelArts' notation, as people set them and as the rules read them."""

import pytest

from config.refusals import Refused
from hardexamples.filters import DEFAULT, MODELARTS, change_filter, create_filter, preset, settings_of
from hardexamples.models import HardExampleFilter
from hardexamples.rules import MODELARTS_WEIGHTS
from hardexamples.scoring import FilterSettings
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


def test_the_default_is_what_the_rules_take_for_it() -> None:
    assert settings_of(preset()) == FilterSettings()


def test_the_presets_differ_in_where_the_weights_come_from() -> None:
    assert settings_of(preset(DEFAULT)).fusion == "fitted"
    modelarts = settings_of(preset(MODELARTS))
    assert (modelarts.fusion, modelarts.threshold) == ("weights", 0.1)
    assert modelarts.weights == dict(MODELARTS_WEIGHTS)
    assert HardExampleFilter.objects.filter(kind="preset").count() == 2


def test_an_own_filter_reads_back_as_it_was_written() -> None:
    made = create_filter(
        name=" sharp ",
        by=StaffFactory(),
        comprehensive_algo_config="predict_score_mining:0.5+clustering_mining:0.25",
        algo_hard_threshold=0.3,
        fusion="weights",
    )
    assert made.name == "sharp"
    settings = settings_of(made)
    assert settings.weights == {"predict_score_mining": 0.5, "clustering_mining": 0.25}
    assert (settings.threshold, settings.fusion) == (0.3, "weights")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"comprehensive_algo_config": "magic:1"}, "invalid_notation"),
        ({"comprehensive_algo_config": ""}, "invalid_notation"),
        ({"aug_op_config": "rotate:1"}, "invalid_notation"),
        ({"algo_hard_threshold": 1.5}, "bad_value"),
        ({"control_share": -0.1}, "bad_value"),
        ({"fusion": "guessed"}, "bad_value"),
        ({"name": ""}, "bad_value"),
        ({"name": DEFAULT}, "name_exists"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict, code: str) -> None:
    preset()
    count = HardExampleFilter.objects.count()
    values = {"name": "own", "by": None, "comprehensive_algo_config": "predict_score_mining:1"}
    with pytest.raises(Refused) as refusal:
        create_filter(**{**values, **changes})
    assert refusal.value.code == code
    assert HardExampleFilter.objects.count() == count


def test_a_preset_stays_as_it_is() -> None:
    with pytest.raises(Refused) as refusal:
        change_filter(
            chosen=preset(),
            by=None,
            comprehensive_algo_config="predict_score_mining:1",
            algo_hard_threshold=0.5,
            aug_op_config="",
            control_share=0.0,
            fusion="weights",
        )
    assert refusal.value.code == "preset"
    assert settings_of(preset()) == FilterSettings()

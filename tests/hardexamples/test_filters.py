"""Filters in ModelArts' notation, as people set them and as the rules read them."""

from dataclasses import replace

import pytest

from config.refusals import Refused
from hardexamples.filter_settings import FilterSettings
from hardexamples.filters import (
    DEFAULT,
    MODELARTS,
    FilterChoices,
    change_filter,
    create_filter,
    delete_filter,
    preset,
    settings_of,
)
from hardexamples.models import HardExampleFilter
from hardexamples.rules import MODELARTS_WEIGHTS
from tests.factories import FilteringServiceFactory, StaffFactory

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
    choices = FilterChoices(
        comprehensive_algo_config="predict_score_mining:0.5+clustering_mining:0.25",
        algo_hard_threshold=0.3,
        fusion="weights",
        measure="entropy",
        cap=40,
        second_look_images=0,
        second_look_seconds=5,
        applies_proposals=True,
    )
    made = create_filter(name=" sharp ", by=StaffFactory(), choices=choices)
    assert made.name == "sharp"
    settings = settings_of(made)
    assert settings.weights == {"predict_score_mining": 0.5, "clustering_mining": 0.25}
    assert (settings.threshold, settings.fusion) == (0.3, "weights")
    written = {"comprehensive_algo_config": "predict_score_mining:0.5000+clustering_mining:0.2500"}
    assert FilterChoices.of(HardExampleFilter.objects.get(pk=made.pk)) == replace(choices, **written)


def test_all_that_a_person_sets_reaches_the_rules() -> None:
    made = preset()
    made.aug_op_config, made.measure, made.cap = "invert:2+add:0", "entropy", 40
    made.second_look_images, made.second_look_seconds = 7, 9
    settings = settings_of(made)
    assert settings.augmentations == {"invert": 2, "add": 0}
    assert (settings.measure, settings.cap) == ("entropy", 40)
    assert (settings.second_look_images, settings.second_look_seconds) == (7, 9)
    made.aug_op_config = ""
    assert settings_of(made).augmentations == {}


def test_settings_that_were_frozen_before_there_was_a_second_look_are_still_read() -> None:
    old = settings_of(preset()).as_dict()
    del old["second_look_images"], old["second_look_seconds"]
    assert FilterSettings.from_dict(old) == FilterSettings()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"comprehensive_algo_config": "magic:1"}, "invalid_notation"),
        ({"comprehensive_algo_config": ""}, "invalid_notation"),
        ({"aug_op_config": "rotate:1"}, "invalid_notation"),
        ({"algo_hard_threshold": 1.5}, "bad_value"),
        ({"control_share": -0.1}, "bad_value"),
        ({"fusion": "guessed"}, "bad_value"),
        ({"measure": "feeling"}, "bad_value"),
        ({"cap": 0}, "bad_value"),
        ({"cap": 10**12}, "bad_value"),
        ({"second_look_images": -1}, "bad_value"),
        ({"second_look_seconds": 86_401}, "bad_value"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict, code: str) -> None:
    own = create_filter(name="own", by=None, choices=FilterChoices())
    before = list(HardExampleFilter.objects.values())
    with pytest.raises(Refused) as refusal:
        create_filter(name="other", by=None, choices=FilterChoices(**changes))
    assert (refusal.value.code, refusal.value.where["field"]) == (code, next(iter(changes)))
    with pytest.raises(Refused):
        change_filter(chosen=own, by=None, choices=FilterChoices(**changes))
    assert list(HardExampleFilter.objects.values()) == before


@pytest.mark.parametrize(("name", "code"), [("", "bad_value"), ("x" * 101, "bad_value"), (DEFAULT, "name_exists")])
def test_a_name_is_there_short_and_free(name: str, code: str) -> None:
    preset()
    with pytest.raises(Refused) as refusal:
        create_filter(name=name, by=None, choices=FilterChoices())
    assert (refusal.value.code, refusal.value.where["field"]) == (code, "name")


def test_a_preset_stays_as_it_is() -> None:
    for refused in (
        lambda: change_filter(chosen=preset(), by=None, choices=FilterChoices(algo_hard_threshold=0.5)),
        lambda: delete_filter(chosen=preset(), by=None),
    ):
        with pytest.raises(Refused) as refusal:
            refused()
        assert refusal.value.code == "preset"
    assert settings_of(preset()) == FilterSettings()


def test_a_filter_that_a_service_uses_is_not_deleted() -> None:
    made = create_filter(name="own", by=None, choices=FilterChoices())
    service = FilteringServiceFactory.create(name="digits nightly", filter=made)
    with pytest.raises(Refused, match="in use by digits nightly"):
        delete_filter(chosen=made, by=None)
    service.delete()
    delete_filter(chosen=made, by=None)
    assert not HardExampleFilter.objects.filter(pk=made.pk).exists()

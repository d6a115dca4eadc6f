"""Filters and minings in the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hardexamples.forms import OPERATIONS, FilterForm
from hardexamples.models import HardExampleFilter, MiningStatus
from hardexamples.notation import (
    MODELARTS_AUGMENTATIONS,
    MODELARTS_WEIGHTS,
    format_augmentations,
    parse_weights,
)
from tests.factories import HardExampleFilterFactory, MiningFactory, MiningItemFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
FILTERS = "admin:hardexamples_hardexamplefilter"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


def answers(**changed: object) -> dict[str, object]:
    """A whole filter form."""
    said = {
        "name": "night shift",
        "fusion": "weights",
        "algo_hard_threshold": "0.3",
        "control_share": "0.05",
        "measure": "entropy",
        "cap": "",
        "second_look_images": "40",
        "second_look_seconds": "9",
        "applies_proposals": "on",
        "op_crop": "0.1",
        **dict.fromkeys(MODELARTS_WEIGHTS, "0"),
        "predict_score_mining": "0.39",
        "anomaly_detection_mining": "0.202",
    }
    return said | changed


def preset() -> HardExampleFilter:
    return HardExampleFilter.objects.filter(kind="preset").earliest("pk")


def test_the_form_has_a_weight_for_every_algorithm() -> None:
    assert [name for name in FilterForm.declared_fields if name in MODELARTS_WEIGHTS]
    assert set(MODELARTS_WEIGHTS) <= set(FilterForm.declared_fields)


def test_a_filter_is_made_in_peoples_terms(staff: Client) -> None:
    assert "Outliers" in staff.get(reverse(f"{FILTERS}_add")).content.decode()
    assert staff.post(reverse(f"{FILTERS}_add"), answers()).status_code == 302
    made = HardExampleFilter.objects.get(name="night shift")
    assert parse_weights(made.comprehensive_algo_config) == {
        "predict_score_mining": 0.39,
        "anomaly_detection_mining": 0.202,
    }
    assert (made.kind, made.algo_hard_threshold, made.control_share) == ("own", 0.3, 0.05)
    assert (made.measure, made.cap, made.second_look_images, made.second_look_seconds) == ("entropy", None, 40, 9)
    assert made.applies_proposals
    assert made.created_by is not None


def test_a_filter_is_changed_and_keeps_its_row(staff: Client) -> None:
    staff.post(reverse(f"{FILTERS}_add"), answers())
    made = HardExampleFilter.objects.get(name="night shift")
    address = reverse(f"{FILTERS}_change", args=[made.pk])
    assert 'value="0.39"' in staff.get(address).content.decode()
    staff.post(address, answers(name="day shift", clustering_mining="1", predict_score_mining="0"))
    made.refresh_from_db()
    assert made.name == "day shift"
    assert parse_weights(made.comprehensive_algo_config) == {
        "clustering_mining": 1.0,
        "anomaly_detection_mining": 0.202,
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"predict_score_mining": "0", "anomaly_detection_mining": "0"}, "At least one algorithm needs a weight"),
        ({"predict_score_mining": "-1"}, "greater than or equal to 0"),
        ({"predict_score_mining": "nan"}, "Enter a number"),
        ({"algo_hard_threshold": "1.5"}, "less than or equal to 1"),
        ({"aug_op_config": "spin:0.1"}, "Unknown name"),
        ({"aug_op_config": "crop:0.2", "op_crop": "0.3"}, "say different things"),
        ({"comprehensive_algo_config": "<b>:1"}, "Unknown name"),
        ({"comprehensive_algo_config": "outlier:nan"}, "Unknown name"),
        ({"op_crop": "1e999"}, "Enter a number"),
        ({"measure": "feeling"}, "Select a valid choice"),
        ({"cap": "0"}, "greater than or equal to 1"),
        ({"cap": "many"}, "Enter a whole number"),
        ({"second_look_images": "-1"}, "greater than or equal to 0"),
        ({"second_look_seconds": "1e9"}, "Enter a whole number"),
        ({"name": "ModelArts"}, "already exists"),
    ],
)
def test_a_wrong_filter_is_refused_at_its_field(staff: Client, changed: dict[str, object], words: str) -> None:
    response = staff.post(reverse(f"{FILTERS}_add"), answers(**changed))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not HardExampleFilter.objects.filter(kind="own").exists()


PASTED = "predict_score_mining:0.3900+anomaly_detection_mining:0.2020"


@pytest.mark.parametrize(
    ("changed", "weights", "operations"),
    [
        ({"comprehensive_algo_config": PASTED, "aug_op_config": "invert:0.4"}, PASTED, "invert:0.4"),
        ({"comprehensive_algo_config": f" {PASTED} ", "aug_op_config": ""}, PASTED, ""),
        ({"clustering_mining": "2", "op_add": "0.5"}, "clustering_mining:2.0000", "add:0.5"),
        (
            {"comprehensive_algo_config": PASTED, "predict_score_mining": "0.39", "anomaly_detection_mining": ".202"},
            PASTED,
            format_augmentations(MODELARTS_AUGMENTATIONS),
        ),
    ],
    ids=["pasted", "pasted with spaces, and cleared", "numbers", "both alike"],
)
def test_modelarts_notation_is_taken_over_when_pasted(
    staff: Client, changed: dict, weights: str, operations: str
) -> None:
    """The fields show what stood there before, as in a browser without scripts."""
    shown = FilterForm().initial
    fields = {name: "" if value is None else value for name, value in shown.items() if name not in ("name", "applies")}
    if "clustering_mining" in changed:
        fields |= dict.fromkeys([*MODELARTS_WEIGHTS, *OPERATIONS], "0")
    if "predict_score_mining" in changed:
        fields |= dict.fromkeys(MODELARTS_WEIGHTS, "0")
    said = {"name": "pasted", "fusion": "fitted", "measure": "margin"}
    assert staff.post(reverse(f"{FILTERS}_add"), fields | said | changed).status_code == 302
    made = HardExampleFilter.objects.get(name="pasted")
    assert (made.comprehensive_algo_config, made.aug_op_config) == (weights, operations)


def test_a_preset_is_read_and_copied_but_not_changed(staff: Client) -> None:
    row = preset()
    address = reverse(f"{FILTERS}_change", args=[row.pk])
    text = staff.get(address).content.decode()
    assert f"?copy={row.pk}" in text
    assert "Confidence 0.39" in text
    assert staff.post(address, answers()).status_code == 403
    assert staff.post(reverse(f"{FILTERS}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    copied = staff.get(reverse(f"{FILTERS}_add"), {"copy": row.pk}).content.decode()
    assert f"{row.name} copy" in copied
    assert 'value="0.4265"' in copied


def test_the_list_shows_weights_in_words(staff: Client) -> None:
    text = staff.get(reverse(f"{FILTERS}_changelist")).content.decode()
    assert "Clusters 0.202" in text
    assert "ModelArts" in text


def test_a_mining_shows_what_every_rule_said(staff: Client) -> None:
    mining = MiningFactory.create(
        filter=preset(),
        status=MiningStatus.FINISHED,
        finished_at=timezone.now(),
        settings={"weights": {"predict_score_mining": 0.39}, "threshold": 0.3},
        training_manifest="datasets:digits/V001.manifest",
        reference_count=900,
        reference_missing=4,
        total=2,
        flagged=1,
    )
    MiningItemFactory.create(
        mining=mining,
        coefficient=0.9,
        flagged=True,
        scores={"low_confidence": 0.9, "outlier": None},
        reasons=[{"sentence": "The two likeliest labels are 0.05 apart."}],
    )
    MiningItemFactory.create(mining=mining, coefficient=0.1, scores={"low_confidence": 0.1, "outlier": None})
    text = staff.get(reverse("admin:hardexamples_mining_change", args=[mining.pk])).content.decode()
    assert "2 of 2" in text
    assert "no opinion" in text
    assert "The two likeliest labels are 0.05 apart." in text
    assert "threshold 0.3" in text
    assert ">Confidence, weight<" in text
    assert "predict score mining" not in text
    assert "900" in text
    assert mining.subject in staff.get(reverse("admin:hardexamples_mining_changelist")).content.decode()


def test_a_mining_at_work_says_so(staff: Client) -> None:
    mining = MiningFactory.create(filter=None)
    text = staff.get(reverse("admin:hardexamples_mining_change", args=[mining.pk])).content.decode()
    assert "The rules are at work" in text
    assert "deleted since" in text


def test_an_ended_mining_of_nothing_is_a_page_too(staff: Client) -> None:
    mining = MiningFactory.create(status=MiningStatus.FINISHED, finished_at=timezone.now())
    assert (
        "No image was scored"
        in staff.get(reverse("admin:hardexamples_mining_change", args=[mining.pk])).content.decode()
    )


def test_who_may_not_look_is_refused(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True))
    row = HardExampleFilterFactory.create(comprehensive_algo_config="predict_score_mining:1")
    for address in (
        reverse(f"{FILTERS}_changelist"),
        reverse(f"{FILTERS}_add"),
        reverse(f"{FILTERS}_change", args=[row.pk]),
        reverse("admin:hardexamples_mining_changelist"),
        reverse("admin:hardexamples_mining_change", args=[MiningFactory.create().pk]),
    ):
        assert client.get(address).status_code == 403, address


def test_a_mining_that_is_not_there_is_missing(staff: Client) -> None:
    assert staff.get(reverse("admin:hardexamples_mining_change", args=["abc"])).status_code == 404

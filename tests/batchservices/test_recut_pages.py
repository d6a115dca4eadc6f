"""Re-cut in the admin and through the REST API: shown before it is done, for those who may."""

import json
import re
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from batchservices.models import CollectionTask
from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import Fusion, RuleFigures
from hardexamples.models import Mining, MiningStatus, SuspectLabel
from hardexamples.scoring import FUSION_VERSION
from tests.batchservices.pages import read, send
from tests.factories import (
    BatchRunFactory,
    BlobFactory,
    CollectionTaskFactory,
    DatasetFactory,
    HardExampleFilterFactory,
    MiningFactory,
    MiningItemFactory,
    SampleFactory,
    StaffFactory,
    UserFactory,
)
from tests.programs import program

pytestmark = pytest.mark.django_db

COEFFICIENTS = (0.9, 0.4, 0.2, 0.05)


@pytest.fixture
def mining() -> Mining:
    """Four images; one rule whose score is the coefficient; the first two are hard, on one of them somebody decided."""
    figures = Fusion({"low_confidence": RuleFigures("predict_score_mining", 1.0)}, voices=True)
    settings = FilterSettings(weights={"predict_score_mining": 1.0}, threshold=0.3)
    mining = MiningFactory.create(
        status=MiningStatus.FINISHED, settings=settings.as_dict(), fitted=figures.as_dict(), total=4, flagged=2,
        fusion_version=FUSION_VERSION, finished_at=timezone.now(),
    )  # fmt: skip
    dataset = DatasetFactory.create(name="night")
    run = BatchRunFactory.create()
    CollectionTaskFactory.create(
        kind="filter", run=run, service=run.service, mining=mining, dataset=dataset, status="dataset_imported"
    )
    for position, score in enumerate(COEFFICIENTS):
        hard = score >= 0.3
        item = MiningItemFactory.create(
            mining=mining, position=position, coefficient=score, flagged=hard, scores={"low_confidence": score}
        )
        if hard:
            status = "labeled" if position == 0 else "to_be_confirmed"
            blob = BlobFactory.create(sha256=item.sha256)
            SampleFactory.create(dataset=dataset, blob=blob, hard=True, hard_coefficient=score, status=status)
    return mining


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(StaffFactory.create())
    return client


def person(*rights: str) -> Client:
    """Somebody of the staff with these permissions ("app.codename")."""
    user = UserFactory.create(is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def page_of(mining: Mining) -> str:
    return reverse("admin:batchservices_batchrun_recut", args=[mining.pk])


def answers(**changed: object) -> dict:
    return {
        "filter": "", "algo_hard_threshold": "0.1", "fusion": "fitted", "cap": "", "predict_score_mining": "1",
        **changed,
    }  # fmt: skip


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_page_of_a_mining_leads_to_it_and_keeps_its_history(admin: Client, mining: Mining) -> None:
    SuspectLabel.objects.create(
        mining=mining, position=3, name="train/7.png", sha256="a" * 64, given="7", likelier="1", confidence=0.93
    )
    address = reverse("admin:hardexamples_mining_change", args=[mining.pk])
    said = words(read(admin, address))
    assert page_of(mining) in read(admin, address)
    assert "Labels in the training set that are probably wrong" in said
    assert "train/7.png 7 1 0.93" in said
    send(admin, page_of(mining), answers(confirmed="yes"))
    after = words(read(admin, address))
    assert "threshold 0.3 → 0.1" in after
    assert "In work" in after


def test_what_would_change_is_shown_before_anything_does(admin: Client, mining: Mining) -> None:
    assert "Stay hard 2" in words(read(admin, page_of(mining)))
    preview = reverse("admin:batchservices_batchrun_recut_preview", args=[mining.pk])
    said = words(send(admin, preview, answers()))
    assert "Become hard 1 Hard no more 0 Stay hard 2" in said
    said = words(send(admin, preview, answers(algo_hard_threshold="1")))
    assert "Become hard 0 Hard no more 2 Stay hard 0" in said
    assert "On 1 of those that change people have decided" in said
    assert "In night, 1 images become hard" in words(send(admin, page_of(mining), answers(verb="apply")))
    assert not CollectionTask.objects.filter(kind="recut").exists()
    assert "is being decided anew" in words(send(admin, page_of(mining), answers(confirmed="yes")))
    assert CollectionTask.objects.filter(kind="recut").count() == 1
    assert "being decided anew already" in words(send(admin, page_of(mining), answers(confirmed="yes")))


def test_another_filter_fills_the_fields(admin: Client, mining: Mining) -> None:
    chosen = HardExampleFilterFactory.create(name="strict", algo_hard_threshold=0.85)
    html = read(admin, page_of(mining), filter=chosen.pk)
    assert 'value="0.85"' in html
    assert "Hard no more 1" in words(html)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"algo_hard_threshold": "nan"}, "Threshold: Enter a number."),
        ({"algo_hard_threshold": "1.5"}, "Threshold: Ensure this value is less than or equal to 1.0."),
        ({"fusion": "pickle"}, "Fusion: Select a valid choice"),
        ({"cap": "-1"}, "At most: Ensure this value"),
        ({"cap": "9" * 400}, "At most:"),
        ({"predict_score_mining": "0"}, "At least one algorithm needs a weight above 0."),
        ({"predict_score_mining": "1e999"}, "Confidence: Enter a number."),
        ({"filter": "987654"}, "There is no such filter any more."),
        ({"fusion": "weights", "filter": "x"}, "What would change"),
    ],
)
def test_what_makes_no_sense_is_told(admin: Client, mining: Mining, changed: dict, complaint: str) -> None:
    preview = reverse("admin:batchservices_batchrun_recut_preview", args=[mining.pk])
    assert complaint in words(send(admin, preview, answers(**changed)))
    send(admin, page_of(mining), answers(confirmed="yes", **changed))
    assert not CollectionTask.objects.filter(kind="recut").exists()


def test_who_only_sees_may_look_and_not_apply(mining: Mining) -> None:
    looks = person("hardexamples.view_mining")
    assert looks.get(page_of(mining)).status_code == 200
    assert looks.post(page_of(mining), answers(verb="preview")).status_code == 200
    assert looks.post(page_of(mining), answers(confirmed="yes")).status_code == 403
    assert person().get(page_of(mining)).status_code == 403
    assert looks.get(reverse("admin:batchservices_batchrun_recut", args=[10**9])).status_code == 404


def test_programs_look_and_apply(mining: Mining) -> None:
    client = program("hardexamples.view_mining", "hardexamples.change_mining")
    address = f"/api/v1/minings/{mining.pk}"
    shown = client.post(f"{address}/preview/", {"algo_hard_threshold": 1.0}).json()
    assert (shown["flagged"], shown["would_be"], shown["dropped"], shown["decided"]) == (2, 0, 2, 1)
    assert sum(shown["histogram"]) == 4
    assert client.post(f"{address}/preview/", {"cap": 1}).json()["would_be"] == 1
    answer = client.post(f"{address}/recut/", {"algo_hard_threshold": 0.1})
    assert (answer.status_code, answer.json()["kind"]) == (202, "recut")
    assert client.post(f"{address}/recut/", {}).json()["code"] == "already_recutting"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"comprehensive_algo_config": "nothing:1"}, "invalid_notation"),
        ({"comprehensive_algo_config": "clustering_mining:1"}, "not_asked"),
        ({"algo_hard_threshold": "nan"}, "invalid_input"),
        ({"cap": -1}, "invalid_input"),
        ({"filter": 987654}, "invalid_input"),
        ({"settings": {}}, "unknown_or_read_only_field"),
    ],
)
def test_programs_are_told_what_makes_no_sense(mining: Mining, said: dict, code: str) -> None:
    client = program("hardexamples.view_mining", "hardexamples.change_mining")
    for verb in ("preview", "recut"):
        answer = client.post(f"/api/v1/minings/{mining.pk}/{verb}/", said)
        assert answer.json()["code"] == code
    assert not CollectionTask.objects.filter(kind="recut").exists()


def test_programs_need_the_permission(mining: Mining) -> None:
    looks = program("hardexamples.view_mining")
    assert looks.post(f"/api/v1/minings/{mining.pk}/preview/", {}).status_code == 200
    assert looks.post(f"/api/v1/minings/{mining.pk}/recut/", {}).status_code == 403
    assert program().post(f"/api/v1/minings/{mining.pk}/preview/", {}).status_code == 403


def test_a_mining_that_has_not_ended_or_is_old_is_refused_in_words(mining: Mining) -> None:
    client = program("hardexamples.view_mining")
    for changes, code in (({"fusion_version": 1}, "old_figures"), ({"status": "scoring"}, "not_mined")):
        Mining.objects.filter(pk=mining.pk).update(**changes)
        assert client.post(f"/api/v1/minings/{mining.pk}/preview/", {}).json()["code"] == code


def told(*words: str) -> dict:
    out = StringIO()
    call_command("recut_mining", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_command_shows_and_begins(mining: Mining) -> None:
    shown = told(str(mining.pk), "--threshold", "1")
    assert (shown["would_be"], shown["dropped"], shown["task"]) == (0, 2, None)
    assert shown["message"].startswith(
        "0 would become hard, 2 would be hard no more, 0 would stay. On 1 of them people"
    )
    begun = told(str(mining.pk), "--threshold", "1", "--apply", "--no-wait")
    assert CollectionTask.objects.get(kind="recut").pk == begun["task"]


@pytest.mark.parametrize(
    "words", [["0"], ["--filter", "none"], ["--threshold", "nan"], ["--weights", "nothing:1"], ["--cap", "-1"]]
)
def test_a_command_refuses_in_words(mining: Mining, words: list[str]) -> None:
    named = words if words == ["0"] else [str(mining.pk), *words]
    with pytest.raises(CommandError):
        told(*named)

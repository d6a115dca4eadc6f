"""What is sure can be accepted at once, with a stated risk, and says so in its history."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from config.refusals import Refused
from datasets import counters, review
from datasets.intake import Claim
from datasets.models import Annotation, ReviewEvent, Sample, Status, Verb
from labeling import accepting, selections
from labeling.models import AutoLabelingStatus, ReviewTask
from tests.factories import (
    AnnotationFactory,
    AutoLabelingItemFactory,
    AutoLabelingTaskFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
)
from tests.labeling.conftest import rights

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return UserFactory.create(username="ann")


@pytest.fixture
def task():
    """Two hundred samples that are To Be Confirmed as cats, the surer the higher their number."""
    dataset = DatasetFactory.create()
    cat = LabelFactory.create(dataset=dataset, name="cat")
    LabelFactory.create(dataset=dataset, name="dog")
    made = AutoLabelingTaskFactory.create(dataset=dataset, status=AutoLabelingStatus.SUCCEEDED)
    lots = np.random.default_rng(1).permutation(200) / 200
    for number in range(200):
        confidence = 0.6 + number / 500
        sample = SampleFactory.create(
            dataset=dataset, status="to_be_confirmed", predicted_label="cat", confidence=confidence, lot=lots[number]
        )
        AnnotationFactory(sample=sample, label=cat, origin="model")
        AutoLabelingItemFactory(
            task=made,
            sample=sample,
            predicted_label="cat",
            confidence=confidence,
            prediction={"predicted_label": "cat"},
        )
    return made


def decide(task, by, count: int, *, wrong_below: float = 0.0) -> None:
    """People decide the first of the random order; those below a confidence were dogs."""
    for sample in task.dataset.samples.order_by("-lot")[:count]:
        name = "dog" if (sample.confidence or 0) < wrong_below else "cat"
        review.confirm(sample_id=sample.pk, by=by, claims=[Claim(name, by=Annotation.By.HUMAN)])


def test_too_few_controls_are_refused_with_how_many_more(task, ann) -> None:
    decide(task, ann, 10)
    for offer in accepting.offers(task):
        assert (offer.threshold, offer.accepted, offer.rests_on) == (None, 0, 10)
    with pytest.raises(Refused, match=r"10 control images are decided.*more are needed.*random order"):
        accepting.accept(task=task, bound=0.05, by=ann)


def test_what_is_sure_is_accepted_and_the_history_says_why(task, ann, review_pages) -> None:
    decide(task, ann, 80, wrong_below=0.63)
    one, five = accepting.offers(task)
    assert one.threshold is None
    assert five.threshold is not None
    work = accepting.accept(task=task, bound=0.05, by=ann)
    assert work.total == five.accepted
    selections.execute(work.pk)
    accepted = ReviewEvent.objects.filter(verb=Verb.ACCEPT)
    assert accepted.count() == five.accepted > 10
    assert not Sample.objects.filter(review_events__verb=Verb.ACCEPT, confidence__lt=five.threshold).exists()
    assert not Sample.objects.filter(review_events__verb=Verb.ACCEPT).exclude(status=Status.LABELED).exists()
    sure = task.dataset.samples.filter(status=Status.TO_BE_CONFIRMED, confidence__gte=five.threshold)
    assert sure.exists(), "a random share is kept back for people"
    assert max(sample.lot for sample in sure) <= 0.1
    assert counters.check(task.dataset) == []
    job = task.dataset.labeling_jobs.get()
    words = f"accepted at confidence &gt;= {five.threshold:.4f}, at most 5 % wrong (95 %)"
    assert words in review_pages.get(reverse("labeling:history", args=[job.pk])).content.decode()
    assert accepting.offers(task) == []
    with pytest.raises(Refused, match="done already"):
        accepting.accept(task=task, bound=0.05, by=ann)


def test_controls_are_the_first_of_the_random_order_alone(task, ann) -> None:
    for sample in task.dataset.samples.order_by("lot")[:90]:
        review.confirm(sample_id=sample.pk, by=ann)
    assert [offer.rests_on for offer in accepting.offers(task)] == [0, 0]


def test_a_rejected_control_was_wrong(task, ann) -> None:
    for sample in task.dataset.samples.order_by("-lot")[:80]:
        review.reject(sample_id=sample.pk, by=ann)
    assert [(offer.threshold, offer.wrong) for offer in accepting.offers(task)] == [(None, 80)] * 2


def test_more_controls_are_asked_for_only_where_so_many_are_left(task, ann) -> None:
    decide(task, ann, 80)
    one, _ = accepting.offers(task)
    assert one.needed is not None
    more, left = one.needed - one.rests_on, one.left
    assert f"At least {more} more are needed, all of them right; {left} would then be left" in accepting.lacking(one)
    undecided = task.dataset.samples.filter(status=Status.TO_BE_CONFIRMED).order_by("-lot")
    for sample in undecided[:more]:
        review.confirm(sample_id=sample.pk, by=ann)
    assert accepting.offers(task)[0].accepted == left > 0


def test_where_too_few_are_left_it_says_so(task, ann) -> None:
    decide(task, ann, 180)  # the others are always kept back
    for found in accepting.offers(task):
        assert (found.threshold, found.needed) == (None, None)
        assert "look at each" in accepting.lacking(found)


def test_a_program_reads_the_offers_and_accepts(task, ann, review) -> None:
    decide(task, ann, 80)
    address = f"/api/v1/auto_labeling_tasks/{task.pk}/"
    one, five = review.get(f"{address}offers/").json()
    assert (one["threshold"], one["accepted"], one["bound"]) == (None, 0, 0.01)
    assert "more are needed" in one["words"]
    assert five["words"] == accepting.statement(accepting.offers(task)[1])
    refused = review.post(f"{address}accept/", {"bound": 0.2}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_bound")
    made = review.post(f"{address}accept/", {"bound": 0.05}, content_type="application/json")
    work = ReviewTask.objects.get()
    assert (made.status_code, made.json()) == (202, {"total": five["accepted"], "batch": work.batch})
    assert review.get(f"{address}offers/").json() == []
    again = review.post(f"{address}accept/", {"bound": 0.05}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_accept")


def test_who_may_not_confirm_may_not_accept(task, outsider) -> None:
    address = f"/api/v1/auto_labeling_tasks/{task.pk}/"
    assert outsider.get(f"{address}offers/").status_code == 403
    assert outsider.post(f"{address}accept/", {"bound": 0.05}, content_type="application/json").status_code == 403


def test_a_program_decides_in_random_order(task, review) -> None:
    address = f"/api/v1/datasets/{task.dataset_id}/samples/?page_size=1000&ordering=random"
    found = review.get(f"{address}&status=to_be_confirmed").json()["results"]
    assert [each["id"] for each in found] == list(task.dataset.samples.order_by("-lot").values_list("pk", flat=True))
    assert review.get(address).json()["code"] == "unknown_ordering"


def test_the_command_says_and_accepts(task, ann, capsys) -> None:
    name = task.dataset.name
    decide(task, ann, 80)
    call_command("accept_at_once", name, "--json")
    offers = json.loads(capsys.readouterr().out)
    assert [each["accepted"] for each in offers] == [each.accepted for each in accepting.offers(task)]
    for words, told in (
        (["nowhere"], "no dataset"),
        ([name, "--at-most", "0.05"], "--by names"),
        ([name, "--at-most", "0.05", "--by", "nobody"], "no user"),
        ([name, "--at-most", "0.01", "--by", "ann"], "more are needed"),
        ([DatasetFactory.create().name], "No auto labeling"),
    ):
        with pytest.raises(CommandError, match=told):
            call_command("accept_at_once", *words)
    call_command("accept_at_once", name, "--at-most", "0.05", "--by", "ann", "--json")
    assert json.loads(capsys.readouterr().out)["changed"] == offers[1]["accepted"]
    assert ReviewEvent.objects.filter(verb=Verb.ACCEPT).count() == offers[1]["accepted"]
    call_command("accept_at_once", name)
    assert "nothing to accept" in capsys.readouterr().out


def test_boxes_are_not_accepted_at_once(ann) -> None:
    dataset = DetectionDatasetFactory.create()
    made = AutoLabelingTaskFactory.create(dataset=dataset, status=AutoLabelingStatus.SUCCEEDED)
    assert accepting.offers(made) == []
    with pytest.raises(Refused, match="whole images"):
        accepting.accept(task=made, bound=0.01, by=ann)


def test_the_page_offers_and_accepts(task, ann, review_pages) -> None:
    decide(task, ann, 80)
    job = task.dataset.labeling_jobs.get()
    page = reverse("labeling:auto_task", args=[job.pk, task.pk])
    shown = review_pages.get(page).content.decode()
    assert "Accept at once" in shown
    assert "more are needed" in shown  # for 1 %
    answer = review_pages.post(reverse("labeling:auto_accept", args=[job.pk, task.pk]), {"bound": "0.05"}, follow=True)
    assert "are being accepted" in answer.content.decode()
    assert ReviewTask.objects.get().verb == "accept"


@pytest.fixture
def review_pages(review, reviewer):
    """A reviewer who sees the history."""
    reviewer.user_permissions.add(*rights("datasets.view_reviewevent"))
    return review

"""The page of a filter tells what it finds, and lets a person apply what reviews propose."""

import json
import re

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from config.figures import curves
from hardexamples.estimates import curve
from hardexamples.filters import preset
from hardexamples.learning import learn
from hardexamples.learning_work import execute
from hardexamples.models import FilterReport, HardExampleFilter
from tests.factories import StaffFactory, UserFactory
from tests.hardexamples.test_learning import chosen, mined, review  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


def page(client: Client, row: HardExampleFilter, **asked: str) -> str:
    response = client.get(reverse("admin:hardexamples_hardexamplefilter_change", args=[row.pk]), asked)
    assert response.status_code == 200
    return response.content.decode()


def test_before_any_run_it_says_what_is_missing(staff: Client, chosen) -> None:  # noqa: F811
    text = page(staff, chosen)
    assert "Nothing to draw yet" in text
    assert "Proposed weights" not in text
    assert not FilterReport.objects.exists()


def test_before_the_first_review_it_draws_the_rehearsal(staff: Client, chosen) -> None:  # noqa: F811
    row = mined(chosen, 4, 4, 1)
    rising = np.arange(10.0)
    drawn = curve({"fused": rising, "margin": rising[::-1]}, rising > 5)
    row.fitted = {**row.fitted, "images": 1500, "errors": 180, "curve": drawn.as_dict()}
    row.save()
    text = page(staff, chosen)
    assert "a rehearsal on 1,500 training images with 180 errors" in text
    assert "curve-0" in text
    assert "the model&#x27;s margin" in text
    assert "random order" in text


def test_the_threshold_is_a_handle_that_says_what_it_is_worth(staff: Client, chosen) -> None:  # noqa: F811
    row = mined(chosen, 4, 6, 1)
    rising = np.arange(10.0) / 10
    row.fitted = {
        **row.fitted,
        "images": 1500,
        "errors": 180,
        "curve": curve({"fused": rising}, rising > 0.5).as_dict(),
    }
    row.save()
    text = page(staff, chosen)
    assert "flags 4 of 10; expected errors caught 100%, interval 98% to 100%" in text
    assert 'class="curve-mark-dot"' in text
    told = json.loads(re.search(r'id="worth" type="application/json">(.+?)</script>', text)[1])
    assert (told["total"], told["flagged"][60], told["caught"][80][0]) == (10, 0, 0.5)
    assert [len(told[name]) for name in ("looked", "caught", "flagged")] == [101] * 3


def test_after_reviews_the_handle_speaks_of_what_people_found(staff: Client, chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    report = learn(chosen=chosen, by=None)
    recall = report.figures["estimate"]["recall"]
    assert f"flags 40 of 100; expected errors caught 100%, interval {recall['low']:.0%} to 100%" in page(staff, chosen)


def test_the_rules_stand_under_their_algorithms_with_what_each_is_worth(staff: Client, chosen) -> None:  # noqa: F811
    row = mined(chosen, 4, 4, 1)
    row.fitted["rules"]["class_distance"]["auroc"] = 0.987
    row.save()
    text = page(staff, chosen)
    for words in ("fitted weights", "image_similarity_mining", "class distance", "0.987", "training labels", ">off<"):
        assert words in text, words


@pytest.mark.parametrize(
    ("fusion", "fitted", "words"),
    [
        ("weights", None, "as this filter is set"),
        ("fitted", None, "Until a run with a training manifest"),
        ("fitted", {"intercept": None, "images": 0}, "No training manifest with labels"),
        ("fitted", {"intercept": None, "images": 80, "errors": 3}, "made 3 errors"),
    ],
)
def test_fixed_weights_are_called_so_and_why(
    staff: Client,
    chosen,  # noqa: F811
    fusion: str,
    fitted: dict | None,
    words: str,
) -> None:
    chosen.fusion = fusion
    chosen.save()
    if fitted:
        row = mined(chosen, 4, 4, 1)
        row.fitted = {**row.fitted, **fitted}
        row.save()
    text = page(staff, chosen)
    assert "fixed weights" in text
    assert words in text


def test_few_reviews_are_called_too_few(staff: Client, chosen) -> None:  # noqa: F811
    review(mined(chosen), range(12))
    assert "12 events since it last learned" in page(staff, chosen)
    learn(chosen=chosen, by=None)
    text = page(staff, chosen)
    assert "Too few reviews to tell" in text
    assert "12 of at least 30" in text
    assert "nobody knows what the filter misses" in text
    assert "no review since it last learned" in text


def test_reviews_are_told_drawn_and_applied(staff: Client, chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    learn(chosen=chosen, by=None)
    text = page(staff, chosen, remain="2")
    for words in (
        "from 50 reviews, 10 of them of blind control images",
        "of the flagged images are wrong",
        "between 50% and 50%, 95% sure",
        "of all errors are flagged",
        "as many errors as in a random choice",
        "class distance",
        "Proposed weights",
        'value="2"',
        "more, hardest first",
    ):
        assert words in text, words
    answer = staff.post(reverse("admin:filter_apply", args=[chosen.pk]), follow=True).content.decode()
    assert "night uses the weights learned from reviews" in answer
    assert "Go back" in answer
    answer = staff.post(reverse("admin:filter_withdraw", args=[chosen.pk]), follow=True).content.decode()
    assert "night is back to what it used before" in answer


def test_of_a_preset_the_page_leads_to_the_new_filter(staff: Client) -> None:
    default = preset()
    review(mined(default), range(50))
    learn(chosen=default, by=None)
    answer = staff.post(reverse("admin:filter_apply", args=[default.pk]), follow=True)
    made = HardExampleFilter.objects.get(name="Hardmine default, 50 reviews")
    assert answer.redirect_chain[-1][0].endswith(f"/{made.pk}/change/")
    assert "Choose it in a batch service" in answer.content.decode()


def test_a_click_lets_a_worker_read_the_reviews(staff: Client, chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    staff.post(reverse("admin:filter_learn", args=[chosen.pk]))
    assert "Waiting for a worker" in page(staff, chosen)
    execute(FilterReport.objects.get().pk)
    assert "from 50 reviews" in page(staff, chosen)


@pytest.mark.parametrize("wished", ["", "many", "nan", "-3", "1e9", "0", "100"])
def test_any_wish_gets_an_answer(staff: Client, chosen, wished: str) -> None:  # noqa: F811
    review(mined(chosen), range(30, 50))
    learn(chosen=chosen, by=None)
    assert "images are still wrong" in page(staff, chosen, remain=wished)


def test_nothing_to_apply_is_said(staff: Client, chosen) -> None:  # noqa: F811
    answer = staff.post(reverse("admin:filter_apply", args=[chosen.pk]), follow=True).content.decode()
    assert "Too few reviews so far" in answer


def test_who_may_only_look_cannot_learn_or_apply(client: Client, chosen) -> None:  # noqa: F811
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_hardexamplefilter"))
    client.force_login(viewer)
    review(mined(chosen), range(50))
    learn(chosen=chosen, by=None)
    text = page(client, chosen)
    assert "of the flagged images are wrong" in text
    assert reverse("admin:filter_apply", args=[chosen.pk]) not in text
    assert "Learn from reviews" not in text
    for name in ("filter_learn", "filter_apply", "filter_withdraw"):
        assert client.post(reverse(f"admin:{name}", args=[chosen.pk])).status_code == 403


def test_looking_changes_nothing(staff: Client, chosen) -> None:  # noqa: F811
    for name in ("filter_learn", "filter_apply", "filter_withdraw"):
        assert staff.get(reverse(f"admin:{name}", args=[chosen.pk])).status_code == 404
    assert not FilterReport.objects.exists()


def test_a_curve_is_drawn_from_the_lower_left_to_the_upper_right() -> None:
    drawn = curves([0.0, 0.5, 1.0], {"<mine>": [0.0, 1.0, 1.0]}, title="how many")
    assert 'points="0.0,200.0 200.0,0.0 400.0,0.0"' in drawn
    assert "&lt;mine&gt;" in drawn
    assert 'aria-label="how many"' in drawn

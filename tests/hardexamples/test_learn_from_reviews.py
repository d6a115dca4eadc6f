"""`manage.py learn_from_reviews` for cron."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from hardexamples.filters import preset
from hardexamples.models import FilterReport, LearnedWeights
from tests.hardexamples.test_learning import chosen, mined, review  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db


def said(*words: str) -> str:
    output = StringIO()
    call_command("learn_from_reviews", *words, stdout=output)
    return output.getvalue()


def test_used_filters_learn_and_proposals_wait_for_a_person(chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    text = said()
    assert "night: 50 reviews, 20 errors; precision 50% (50% to 50%)" in text
    assert "proposed" in text
    assert FilterReport.objects.count() == 1
    assert not LearnedWeights.objects.exists()


def test_cron_may_apply_what_did_better(chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    assert "in use from now on" in said("--filter", "night", "--apply")
    said("--apply")
    chosen.refresh_from_db()
    assert chosen.fitted == LearnedWeights.objects.get().fusion


def test_programs_read_json(chosen) -> None:  # noqa: F811
    review(mined(chosen), range(50))
    (told,) = json.loads(said("--json", "--apply"))["filters"]
    assert (told["filter"], told["figures"]["reviews"], told["applied"]) == ("night", 50, True)


def test_presets_learn_and_stay_as_they_are() -> None:
    default = preset()
    review(mined(default), range(50))
    assert "in use" not in said("--apply")
    default.refresh_from_db()
    assert (default.fitted, LearnedWeights.objects.count()) == (None, 0)


def test_few_reviews_and_unknown_filters_are_said(chosen) -> None:  # noqa: F811
    review(mined(chosen), range(5))
    assert "too few to propose weights, 30 are needed" in said()
    with pytest.raises(CommandError, match="There is no filter day"):
        said("--filter", "day")

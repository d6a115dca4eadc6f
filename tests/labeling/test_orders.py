"""To Be Confirmed in the order that a person has chosen: it stays in the address, and *next* follows it."""

from itertools import pairwise

import pytest
from django.urls import reverse

from datasets.models import Sample, Status
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory
from tests.labeling.bench.doors import send, token

pytestmark = pytest.mark.django_db
ORDERS = {
    "hardest": ("hard_coefficient", ""),
    "most_useful": ("usefulness", "&order=most_useful"),
    "random": ("lot", "&order=random"),
}


@pytest.fixture
def dataset():
    """Five samples whose three orders have nothing in common."""
    made = DatasetFactory.create()
    label = LabelFactory.create(dataset=made, name="one")
    for hardness, usefulness, lot in (
        (0.9, 0.2, 0.5),
        (0.1, 0.9, 0.3),
        (0.5, 0.4, 0.9),
        (0.7, 0.7, 0.1),
        (0.3, 0.1, 0.7),
    ):
        columns = {"hard_coefficient": hardness, "usefulness": usefulness, "lot": lot}
        sample = SampleFactory.create(dataset=made, status=Status.TO_BE_CONFIRMED, **columns)
        AnnotationFactory(sample=sample, label=label, origin="model", confidence=0.5)
    return made


def queue_of(dataset, order: str) -> list[Sample]:
    return list(dataset.samples.order_by(f"-{ORDERS[order][0]}"))


def page(dataset, name: str, *more: int) -> str:
    return reverse(f"labeling:{name}", args=[dataset.labeling_jobs.get().pk, *more])


@pytest.mark.parametrize("order", ORDERS)
def test_the_grid_is_in_the_order_and_leads_on_in_it(dataset, review, order) -> None:
    words = f"tab=to_be_confirmed{ORDERS[order][1]}"
    shown = review.get(f"{page(dataset, 'job')}?{words}").content.decode()
    places = [shown.index(f"{page(dataset, 'sample', sample.pk)}?") for sample in queue_of(dataset, order)]
    assert places == sorted(places)
    assert ("order=" + order in shown[places[0] : places[0] + 200]) == (order != "hardest")


@pytest.mark.parametrize("order", ORDERS)
def test_next_follows_the_order_without_a_script(dataset, review, order) -> None:
    words = f"tab=to_be_confirmed{ORDERS[order][1]}"
    waiting = queue_of(dataset, order)
    address = f"{page(dataset, 'sample', waiting[0].pk)}?{words}"
    for sample, following in pairwise(waiting):
        answer = review.post(address, {"verb": "confirm", "version": sample.version, "batch": token()})
        place, _, query = answer["Location"].partition("?")
        assert place == page(dataset, "sample", following.pk)
        assert set(query.split("&")) == set(words.split("&"))
        address = answer["Location"]


@pytest.mark.parametrize("order", ORDERS)
def test_next_follows_the_order_in_the_editor(dataset, review, order) -> None:
    words = f"?tab=to_be_confirmed{ORDERS[order][1]}"
    waiting = queue_of(dataset, order)
    for sample, following in pairwise(waiting):
        body = {"verb": "confirm", "version": sample.version, "batch": token()}
        answer = send(review, f"{page(dataset, 'one', sample.pk)}{words}", body).json()
        assert answer["sample"]["id"] == following.pk
    back = send(review, f"{page(dataset, 'next')}{words}", {"sample": waiting[-1].pk}).json()
    assert back["sample"] is None

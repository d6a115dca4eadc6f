"""Every prediction of a run is on exactly one page, in each order, and turning back gives the page before."""

import itertools
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from batchservices.browsing import PAGE, browse
from batchservices.models import BatchRun, CollectionKind, CollectionStatus
from hardexamples.models import MiningStatus
from tests.factories import BatchRunFactory, CollectionTaskFactory, MiningFactory, MiningItemFactory, RunItemFactory

pytestmark = pytest.mark.django_db
COUNT = 2 * PAGE + 5


@pytest.fixture
def run() -> BatchRun:
    """A run with many equal confidences, and coefficients in another order."""
    run = BatchRunFactory.create(profile={"task": "image_classification", "class_names": ["cat", "dog"]})
    mining = MiningFactory.create(status=MiningStatus.FINISHED)
    CollectionTaskFactory.create(
        kind=CollectionKind.FILTER,
        run=run,
        service=run.service,
        mining=mining,
        status=CollectionStatus.DATASET_IMPORTED,
    )
    for number in range(COUNT):
        label = "dog" if number % 3 else "cat"
        item = RunItemFactory.create(run=run, position=number, confidence=number % 7 / 7, predicted_label=label)
        coefficient = number % 5 / 5
        MiningItemFactory.create(mining=mining, position=number, sha256=item.sha256, coefficient=coefficient)
    return run


def asked(address: str) -> dict[str, str]:
    return dict(parse_qsl(address.removeprefix("?"), keep_blank_values=True))


def walked(run: BatchRun, **first: str) -> list[list[int]]:
    """The positions of each page, turning forward to the end."""
    pages = [browse(run, first)]
    while pages[-1].following:
        pages.append(browse(run, asked(pages[-1].following)))
    return [[card.item.position for card in page.cards] for page in pages]


@pytest.mark.parametrize("label", [None, "dog"])
@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("position", lambda number: number),
        ("confidence", lambda number: (number % 7, number)),
        ("coefficient", lambda number: (-(number % 5), number)),
    ],
)
def test_every_prediction_is_on_one_page_in_order(run: BatchRun, order: str, key, label: str | None) -> None:
    chosen = [number for number in range(COUNT) if label is None or number % 3]
    pages = walked(run, sort=order, **({"label": label} if label else {}))
    assert list(itertools.chain(*pages)) == sorted(chosen, key=key)
    assert all(len(page) == PAGE for page in pages[:-1])


@pytest.mark.parametrize("order", ["position", "confidence", "coefficient"])
def test_turning_back_gives_the_page_before(run: BatchRun, order: str) -> None:
    first = browse(run, {"sort": order})
    second = browse(run, asked(first.following))
    assert not first.previous
    back = browse(run, asked(second.previous))
    assert [card.item for card in back.cards] == [card.item for card in first.cards]
    assert (back.previous, back.following) == ("", first.following)


@pytest.mark.parametrize("after", ["~", "x~1", "nan~3", "1e999~3", "0.5~-1", "0.5~" + "9" * 30, "٣"])
def test_nonsense_shows_the_first_page(run: BatchRun, after: str) -> None:
    for order in ("position", "confidence", "nothing"):
        assert browse(run, {"sort": order, "after": after}).cards[0].item.position == 0


@pytest.mark.parametrize("order", ["position", "confidence", "coefficient"])
def test_a_page_walks_along_an_index(run: BatchRun, order: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        browse(run, asked(browse(run, {"sort": order}).following))
    ordered = [query["sql"] for query in queries if f"LIMIT {PAGE + 1}" in query["sql"]]
    with connection.cursor() as cursor:
        for sql in ordered:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
            assert "TEMP B-TREE" not in plan, plan

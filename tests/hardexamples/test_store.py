"""What was measured is kept by the bytes, once, and comes back in the order asked for."""

import hashlib

import numpy as np
import pytest

from hardexamples import store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import Features

pytestmark = pytest.mark.django_db

MODEL, PREDICTOR = "m" * 64, f"{'m' * 64}:{'p' * 64}"


def address(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def keep(number: int, *, activations: bool = True) -> None:
    answer = {
        "statistics": np.full(7, number, np.float32),
        "descriptor": np.full(4, number / 10, np.float32),
        "activations": np.full(3, -number, np.float16) if activations else None,
        "probabilities": np.array([0.25, 0.75], np.float32),
        "boxes": None,
    }
    store.save(store.records(answer, sha256=address(number), model=MODEL, tensor="pooled", predictor=PREDICTOR))


def test_numbers_come_back_in_the_order_asked_for() -> None:
    for number in (1, 2, 3):
        keep(number)
    tables = store.load([address(3), address(1), address(9), address(3)], EXTRACTOR, VERSION)
    assert tables.statistics is not None
    assert tables.vectors is not None
    assert tables.statistics[[0, 1, 3], 0].tolist() == [3, 1, 3]
    assert np.isnan(tables.statistics[2]).all()
    np.testing.assert_allclose(tables.vectors[1], 0.1, rtol=1e-3)


def test_each_extractor_has_its_own_numbers() -> None:
    keep(1)
    activations = store.load([address(1)], store.activations_extractor(MODEL, "pooled"), 1)
    probabilities = store.load([address(1)], store.probabilities_extractor(PREDICTOR), 1)
    assert activations.vectors is not None
    assert activations.vectors.tolist() == [[-1, -1, -1]]
    assert activations.statistics is None
    assert probabilities.statistics is not None
    assert probabilities.statistics.tolist() == [[0.25, 0.75]]


def test_what_is_kept_is_kept_once_and_stays() -> None:
    keep(1)
    before = set(Features.objects.values_list("pk", flat=True))
    keep(1)
    assert set(Features.objects.values_list("pk", flat=True)) == before


def test_what_lacks_anything_is_missing() -> None:
    keep(1)
    keep(2, activations=False)
    wanted = store.extractors(model=MODEL, tensor="pooled", predictor=PREDICTOR, classifies=True)
    assert store.missing([address(1), address(2), address(3)], wanted) == {address(2), address(3)}
    without = store.extractors(model=MODEL, tensor="", predictor=PREDICTOR, classifies=True)
    assert store.missing([address(1), address(2)], without) == set()


def test_nothing_kept_is_no_table() -> None:
    assert store.load([address(1)], EXTRACTOR, VERSION) == store.Tables(None, None)
    assert store.load([], EXTRACTOR, VERSION) == store.Tables(None, None)


def test_boxes_come_back_as_many_as_there_were() -> None:
    for number, count in enumerate((2, 0)):
        answer = {
            "statistics": np.zeros(7, np.float32),
            "descriptor": np.zeros(4, np.float32),
            "activations": None,
            "probabilities": None,
            "boxes": np.arange(count * 4, dtype=np.float32).reshape(-1, 4),
            "classes": np.arange(count),
            "confidences": np.full(count, 0.5, np.float32),
            "box_statistics": np.full((count, 2), 0.25, np.float32),
        }
        store.save(store.records(answer, sha256=address(number), model=MODEL, tensor="", predictor=PREDICTOR))
    two, none, unknown = store.detections([address(0), address(1), address(2)], PREDICTOR)
    assert two is not None
    assert two.tolist() == [[0, 1, 2, 3, 0, 0.5, 0.25, 0.25], [4, 5, 6, 7, 1, 0.5, 0.25, 0.25]]
    assert none is not None
    assert none.shape == (0, 8)
    assert unknown is None
    wanted = store.extractors(model=MODEL, tensor="", predictor=PREDICTOR, classifies=False)
    assert store.missing([address(0), address(1), address(2)], wanted) == {address(2)}


def test_labeled_boxes_that_changed_are_measured_anew() -> None:
    before, after = np.array([[1, 2, 3, 4]], np.float32), np.array([[1, 2, 3, 5]], np.float32)
    store.save([store.labeled_record(before, np.array([[0.5, 7]]), sha256=address(1))])
    keys = [(address(1), store.labeled_extractor(boxes)) for boxes in (before, after)]
    first, second = store.rows(keys, VERSION)
    assert first is not None
    assert first.statistics is not None
    assert first.statistics.tolist() == [0.5, 7]
    assert second is None


def test_the_name_of_a_long_tensor_fits_its_column() -> None:
    assert len(store.activations_extractor(MODEL, "x" * 256)) <= 200
    assert store.activations_extractor(MODEL, "x" * 256) != store.activations_extractor(MODEL, "x" * 255)

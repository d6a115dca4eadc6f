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
    wanted = store.extractors(model=MODEL, tensor="pooled", predictor=PREDICTOR, probabilities=True)
    assert store.missing([address(1), address(2), address(3)], wanted) == {address(2), address(3)}
    without = store.extractors(model=MODEL, tensor="", predictor=PREDICTOR, probabilities=True)
    assert store.missing([address(1), address(2)], without) == set()


def test_nothing_kept_is_no_table() -> None:
    assert store.load([address(1)], EXTRACTOR, VERSION) == store.Tables(None, None)
    assert store.load([], EXTRACTOR, VERSION) == store.Tables(None, None)


def test_the_name_of_a_long_tensor_fits_its_column() -> None:
    assert len(store.activations_extractor(MODEL, "x" * 256)) <= 200
    assert store.activations_extractor(MODEL, "x" * 256) != store.activations_extractor(MODEL, "x" * 255)

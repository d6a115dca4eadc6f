"""What was measured on images, kept by their bytes: written once, read in blocks.

Three extractors: "hardmine" (statistics float32, descriptor float16), "<model sha256>:<tensor>" (activations
float16), and "<predictor>:probabilities" (float32, in the column of the statistics).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import Features

BLOCK = 500
LONGEST_TENSOR = 100


@dataclass(frozen=True)
class Record:
    """One row: `statistics` (s,) float32 or None, `vector` (d,) float16 or None."""

    sha256: str
    extractor: str
    version: int
    statistics: bytes | None
    vector: bytes | None


@dataclass(frozen=True)
class Tables:
    """Numbers about n images, in their order; a row of NaN where nothing is kept.

    Attributes:
        statistics: (n, s) float32, or None where no image has any.
        vectors: (n, d) float32, or None where no image has any.
    """

    statistics: np.ndarray | None
    vectors: np.ndarray | None


def activations_extractor(model: str, tensor: str) -> str:
    """Who measured a model's activations: its hash and the tensor, or the tensor's hash where its name is long."""
    if len(tensor) > LONGEST_TENSOR:
        tensor = hashlib.sha256(tensor.encode()).hexdigest()
    return f"{model}:{tensor}"


def probabilities_extractor(predictor: str) -> str:
    """Who gave probabilities: a model with its profile."""
    return f"{predictor}:probabilities"


def extractors(*, model: str, tensor: str, predictor: str, probabilities: bool) -> list[tuple[str, int]]:
    """All that is kept of an image that a model saw: (extractor, version)."""
    found = [(EXTRACTOR, VERSION)]
    if tensor:
        found.append((activations_extractor(model, tensor), 1))
    if probabilities:
        found.append((probabilities_extractor(predictor), 1))
    return found


def records(answer: Mapping[str, Any], *, sha256: str, model: str, tensor: str, predictor: str) -> Iterator[Record]:
    """The rows of one predicted image.

    Args:
        answer: statistics, descriptor, activations and probabilities, as `batchservices.inference.predict_image` has
            them; the last two may be None.
    """
    yield Record(sha256, EXTRACTOR, VERSION, _bytes(answer["statistics"], "<f4"), _bytes(answer["descriptor"], "<f2"))
    if tensor and answer["activations"] is not None:
        extractor = activations_extractor(model, tensor)
        yield Record(sha256, extractor, 1, None, _bytes(answer["activations"], "<f2"))
    if answer["probabilities"] is not None:
        extractor = probabilities_extractor(predictor)
        yield Record(sha256, extractor, 1, _bytes(answer["probabilities"], "<f4"), None)


def save(rows: Iterable[Record]) -> None:
    """Keeps rows, inside the caller's transaction; what is there already stays."""
    # in one order for all: two workers that met the same images must not wait for each other
    ordered = sorted(rows, key=lambda row: (row.sha256, row.extractor, row.version))
    Features.objects.bulk_create([Features(**vars(row)) for row in ordered], ignore_conflicts=True, batch_size=BLOCK)


def missing(sha256s: Iterable[str], wanted: Sequence[tuple[str, int]]) -> set[str]:
    """The images of which one of the wanted (extractor, version) is not kept."""
    all_of_them = list(dict.fromkeys(sha256s))
    absent: set[str] = set()
    for extractor, version in wanted:
        for block in _blocks(all_of_them):
            rows = Features.objects.filter(sha256__in=block, extractor=extractor, version=version)
            absent |= set(block) - set(rows.values_list("sha256", flat=True))
    return absent


def load(sha256s: Sequence[str], extractor: str, version: int) -> Tables:
    """What one extractor said about images, as tables in their order."""
    places: dict[str, list[int]] = {}
    for index, sha256 in enumerate(sha256s):
        places.setdefault(sha256, []).append(index)
    statistics: np.ndarray | None = None
    vectors: np.ndarray | None = None
    for block in _blocks(list(places)):
        rows = Features.objects.filter(sha256__in=block, extractor=extractor, version=version)
        for sha256, said, vector in rows.values_list("sha256", "statistics", "vector"):
            statistics = _fill(statistics, len(sha256s), places[sha256], said, "<f4")
            vectors = _fill(vectors, len(sha256s), places[sha256], vector, "<f2")
    return Tables(statistics, vectors)


def _fill(table: np.ndarray | None, rows: int, places: list[int], said: Any, dtype: str) -> np.ndarray | None:
    """The table with one image's numbers in their places; made by the first image that has any."""
    if said is None:
        return table
    numbers = np.frombuffer(said, dtype)
    if table is None:
        table = np.full((rows, len(numbers)), np.nan, np.float32)
    table[places] = numbers
    return table


def _blocks(sha256s: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(sha256s), BLOCK):
        yield sha256s[start : start + BLOCK]


def _bytes(values: Any, dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()

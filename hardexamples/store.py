"""What was measured on images, kept by their bytes: written once, read in blocks.

Extractors whose numbers are equally many for every image, and so make a table (`load`):
    "hardmine"                          statistics float32, descriptor float16
    "<model sha256>:<tensor>"           activations float16
    "<predictor>:probabilities"         float32, in the column of the statistics
and such with a number of rows that differs between images, one after another in that column (`rows`):
    "<predictor>:boxes"                 a detector's answer: corners, class, confidence, the two box statistics
    "hardmine:boxes:<hash of boxes>"    the two box statistics of labeled boxes
    "hardmine:parts"                    the places of parts of a labeled image; their descriptors, one after another, as
                                        the vector
    "<predictor>:changed:<operation>"   the answer to a changed image: probabilities; or corners, class and confidence
                                        of its boxes, and which of the unchanged boxes are in view as the vector
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone

from config import statements
from hardexamples import augmentations
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import Features

BLOCK = 500
LONGEST_TENSOR = 100
DETECTION_COLUMNS = 8
PARTS_EXTRACTOR = f"{EXTRACTOR}:parts"


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


@dataclass(frozen=True)
class Row:
    """Numbers about one image: flat, `statistics` float32 and `vector` float16, None where there are none."""

    statistics: np.ndarray | None
    vector: np.ndarray | None


def activations_extractor(model: str, tensor: str) -> str:
    """Who measured a model's activations: its hash and the tensor, or the tensor's hash where its name is long."""
    if len(tensor) > LONGEST_TENSOR:
        tensor = hashlib.sha256(tensor.encode()).hexdigest()
    return f"{model}:{tensor}"


def probabilities_extractor(predictor: str) -> str:
    """Who gave probabilities: a model with its profile."""
    return f"{predictor}:probabilities"


def boxes_extractor(predictor: str) -> str:
    """Who found boxes: a model with its profile."""
    return f"{predictor}:boxes"


def labeled_extractor(boxes: np.ndarray) -> str:
    """Who measured these (m, 4) labeled boxes: other boxes of the same image are measured anew."""
    return f"{EXTRACTOR}:boxes:{hashlib.sha256(_bytes(boxes, '<f4')).hexdigest()[:32]}"


def changed_extractor(predictor: str, operation: str) -> str:
    """Who answered to an image changed by an operation: a model with its profile."""
    return f"{predictor}:changed:{operation}"


def extractors(*, model: str, tensor: str, predictor: str, classifies: bool) -> list[tuple[str, int]]:
    """All that is kept of an image that a model saw: (extractor, version)."""
    found = [(EXTRACTOR, VERSION)]
    if tensor:
        found.append((activations_extractor(model, tensor), 1))
    found.append((probabilities_extractor(predictor), 1) if classifies else (boxes_extractor(predictor), VERSION))
    return found


def records(answer: Mapping[str, Any], *, sha256: str, model: str, tensor: str, predictor: str) -> Iterator[Record]:
    """The rows of one predicted image.

    Args:
        answer: as `batchservices.inference.predict_image` has it.
    """
    yield Record(sha256, EXTRACTOR, VERSION, _bytes(answer["statistics"], "<f4"), _bytes(answer["descriptor"], "<f2"))
    if tensor and answer["activations"] is not None:
        extractor = activations_extractor(model, tensor)
        yield Record(sha256, extractor, 1, None, _bytes(answer["activations"], "<f2"))
    if answer["probabilities"] is not None:
        extractor = probabilities_extractor(predictor)
        yield Record(sha256, extractor, 1, _bytes(answer["probabilities"], "<f4"), None)
    if answer["boxes"] is not None:
        table = [answer["boxes"], answer["classes"], answer["confidences"], answer["box_statistics"]]
        yield Record(sha256, boxes_extractor(predictor), VERSION, _side_by_side(table), None)


def labeled_record(boxes: np.ndarray, statistics: np.ndarray, *, sha256: str) -> Record:
    """The row of an image's labeled boxes: (m, 4) and (m, 2) float32."""
    return Record(sha256, labeled_extractor(boxes), VERSION, _bytes(statistics, "<f4"), None)


def parts_record(parts: Mapping[str, np.ndarray], *, sha256: str) -> Record:
    """The row of an image's parts, as `hardexamples.extraction.parts_of` measures them."""
    places, looks = _bytes(parts["places"], "<f4"), _bytes(parts["descriptors"], "<f2")
    return Record(sha256, PARTS_EXTRACTOR, VERSION, places, looks)


def changed_record(said: Mapping[str, Any] | None, *, sha256: str, predictor: str, operation: str) -> Record:
    """The row of an answer to a changed image, as `batchservices.closer_looks.predict_changed` has it; without any
    number where there was none that could be believed, so that nobody asks again."""
    extractor = changed_extractor(predictor, operation)
    if said is None:
        return Record(sha256, extractor, augmentations.VERSION, None, None)
    if "probabilities" in said:
        return Record(sha256, extractor, augmentations.VERSION, _bytes(said["probabilities"], "<f4"), None)
    table = _side_by_side([said["boxes"], said["classes"], said["confidences"]])
    return Record(sha256, extractor, augmentations.VERSION, table, _bytes(said["in_view"], "<f2"))


def save(rows: Iterable[Record]) -> None:
    """Keeps rows, inside the caller's transaction; what is there already stays."""
    # in one order for all: two workers that met the same images must not wait for each other
    ordered = sorted(rows, key=lambda row: (row.sha256, row.extractor, row.version))
    now = timezone.now()
    columns = ("sha256", "extractor", "version", "statistics", "vector", "created_at")
    values = ((row.sha256, row.extractor, row.version, row.statistics, row.vector, now) for row in ordered)
    statements.insert(Features, columns, values, ignore_conflicts=True)


def missing(sha256s: Iterable[str], wanted: Sequence[tuple[str, int]]) -> set[str]:
    """The images of which one of the wanted (extractor, version) is not kept."""
    all_of_them = list(dict.fromkeys(sha256s))
    absent: set[str] = set()
    for extractor, version in wanted:
        for block in _blocks(all_of_them):
            rows = Features.objects.filter(sha256__in=block, extractor=extractor, version=version)
            absent |= set(block) - set(rows.values_list("sha256", flat=True))
    return absent


def outdated(sha256s: Iterable[str], extractor: str, version: int) -> set[str]:
    """The images that the extractor measured in an earlier version alone, whose numbers mean something else."""
    return {
        sha256
        for block in _blocks(sorted(missing(sha256s, [(extractor, version)])))
        for sha256 in Features.objects.filter(sha256__in=block, extractor=extractor, version__lt=version).values_list(
            "sha256", flat=True
        )
    }


def load(sha256s: Sequence[str], extractor: str, version: int, *, between: Callable[[], None] | None = None) -> Tables:
    """What one extractor said about images, as tables in their order.

    Args:
        sha256s, extractor, version: which ones.
        between: called before each block of images; may raise to end the work.
    """
    places: dict[str, list[int]] = {}
    for index, sha256 in enumerate(sha256s):
        places.setdefault(sha256, []).append(index)
    statistics: np.ndarray | None = None
    vectors: np.ndarray | None = None
    for block in _blocks(list(places)):
        if between is not None:
            between()
        rows = Features.objects.filter(sha256__in=block, extractor=extractor, version=version)
        for sha256, said, vector in rows.values_list("sha256", "statistics", "vector"):
            statistics = _fill(statistics, len(sha256s), places[sha256], said, "<f4")
            vectors = _fill(vectors, len(sha256s), places[sha256], vector, "<f2")
    return Tables(statistics, vectors)


def rows(keys: Sequence[tuple[str, str]], version: int) -> list[Row | None]:
    """What was said about images, one by one.

    Args:
        keys: (sha256, extractor) per image.
        version: of all these extractors.
    """
    kept: dict[tuple[str, str], Row] = {}
    for block in _blocks(list(dict.fromkeys(keys))):
        found = Features.objects.filter(
            sha256__in={sha256 for sha256, _ in block}, extractor__in={who for _, who in block}, version=version
        )
        for sha256, extractor, statistics, vector in found.values_list("sha256", "extractor", "statistics", "vector"):
            kept[sha256, extractor] = Row(_numbers(statistics, "<f4"), _numbers(vector, "<f2"))
    return [kept.get(key) for key in keys]


def measured(sha256: str, wanted: Sequence[tuple[str, int]]) -> list[Row] | None:
    """What each wanted (extractor, version) said about one image; None where one of them is not kept."""
    found = Features.objects.filter(sha256=sha256, extractor__in=[extractor for extractor, _ in wanted])
    kept = {
        (extractor, version): Row(_numbers(statistics, "<f4"), _numbers(vector, "<f2"))
        for extractor, version, statistics, vector in found.values_list("extractor", "version", "statistics", "vector")
    }
    return [kept[key] for key in wanted] if kept.keys() >= set(wanted) else None


def detections(sha256s: Sequence[str], predictor: str) -> list[np.ndarray | None]:
    """What a detector found in images: (m, 8) float32 each, corners, class, confidence and the two numbers of
    `hardexamples.features.BOX_STATISTICS`; None where it was not kept."""
    kept = rows([(sha256, boxes_extractor(predictor)) for sha256 in sha256s], VERSION)
    return [
        None if row is None or row.statistics is None else row.statistics.reshape(-1, DETECTION_COLUMNS) for row in kept
    ]


def _numbers(said: Any, dtype: str) -> np.ndarray | None:
    return None if said is None else np.frombuffer(said, dtype)


def _fill(table: np.ndarray | None, rows: int, places: list[int], said: Any, dtype: str) -> np.ndarray | None:
    """The table with one image's numbers in their places; made by the first image that has any."""
    if said is None:
        return table
    numbers = np.frombuffer(said, dtype)
    if table is None:
        table = np.full((rows, len(numbers)), np.nan, np.float32)
    table[places] = numbers
    return table


def _blocks[T](values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK]


def _side_by_side(columns: Sequence[np.ndarray]) -> bytes:
    """Columns (m,) or (m, c) as the bytes of one (m, ...) float32 table."""
    return _bytes(np.column_stack(columns), "<f4")


def _bytes(values: Any, dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()

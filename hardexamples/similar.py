"""Find similar data: images that look like chosen ones, the nearest first, near copies of each other shown once.

By the descriptor, which no model had a part in. Plain numpy over blocks of kept features, read once through: flat in
memory, and fit for a web process.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import QuerySet

from config.refusals import Refused
from hardexamples import store
from hardexamples.diversity import stacks
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.models import Features

BLOCK = 2000
MOST_CHOSEN = 100
MOST_SHOWN = 500
POOL = 8  # so many times as many as are shown are compared with each other


@dataclass(frozen=True)
class Similar:
    """An image by its bytes, its distance (0 to 2, of unit vectors) to the nearest of the chosen ones, and how many
    near copies of it are not listed."""

    sha256: str
    distance: float
    copies: int


@dataclass(frozen=True)
class Nearest:
    """What was found, and among how many images of which anything was measured."""

    images: tuple[Similar, ...]
    compared: int


def similar(*, to: Collection[str], among: QuerySet[Any, str], most: int = 60) -> Nearest:
    """The images nearest to any of the chosen ones.

    Args:
        to: SHA-256 of at most 100 images; they are left out of the answer.
        among: a query of one column, the SHA-256 of the images to look through.
        most: how many, at most 500.

    Raises:
        Refused: nothing_selected, too_many_selected, bad_value; not_measured (409) where nothing is known of the chosen
            ones.
    """
    chosen = sorted(set(to))
    if not chosen:
        raise Refused("nothing_selected", "Select images first.", field="samples")
    if len(chosen) > MOST_CHOSEN:
        raise Refused("too_many_selected", f"Select at most {MOST_CHOSEN} images at once.", field="samples")
    if not 1 <= most <= MOST_SHOWN:
        raise Refused("bad_value", f"Ask for 1 to {MOST_SHOWN} images.", field="most")
    known = store.load(chosen, EXTRACTOR, VERSION).vectors
    wanted = known[np.isfinite(known).all(axis=1)] if known is not None else np.zeros((0, 0), np.float32)
    if not len(wanted):
        words = "Nothing was measured of these images yet. A batch service measures what it predicts."
        raise Refused("not_measured", words, status=409)
    targets = _unit(wanted)
    compared = 0
    names = np.zeros(0, "S64")
    distances = np.zeros(0, np.float32)
    vectors = np.zeros((0, targets.shape[1]), np.float16)
    for sha256s, block in _blocks(among, targets.shape[1]):
        compared += len(sha256s)
        other = ~np.isin(sha256s, np.array(chosen, "S64"))
        nearest = np.sqrt(np.maximum(2 - 2 * (_unit(block.astype(np.float32)) @ targets.T).max(axis=1), 0))
        names = np.concatenate([names, sha256s[other]])
        distances = np.concatenate([distances, nearest[other]])
        vectors = np.concatenate([vectors, block[other]])
        if len(names) > most * POOL:
            kept = np.argpartition(distances, most * POOL)[: most * POOL]
            names, distances, vectors = names[kept], distances[kept], vectors[kept]
    order = np.lexsort((names, distances))
    leader = stacks(vectors.astype(np.float32), order)
    copies = np.bincount(leader, minlength=len(leader)) - 1
    leading = [place for place in order if leader[place] == place][:most]
    found = (Similar(names[place].decode(), float(distances[place]), int(copies[place])) for place in leading)
    return Nearest(tuple(found), compared)


def _blocks(among: QuerySet[Any, str], width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(n,) "S64" and (n, width) float16 of what is kept; images of which nothing is kept are passed over."""
    rows = Features.objects.filter(
        extractor=EXTRACTOR, version=VERSION, vector__isnull=False, sha256__in=among
    ).values_list("sha256", "vector")
    some: list[tuple[str, bytes]] = []
    for sha256, vector in rows.iterator(chunk_size=BLOCK):
        kept = bytes(vector or b"")
        if len(kept) == 2 * width:
            some.append((sha256, kept))
        if len(some) == BLOCK:
            yield _table(some, width)
            some = []
    if some:
        yield _table(some, width)


def _table(rows: list[tuple[str, bytes]], width: int) -> tuple[np.ndarray, np.ndarray]:
    names = np.array([sha256 for sha256, _ in rows], "S64")
    return names, np.frombuffer(b"".join(vector for _, vector in rows), "<f2").reshape(-1, width)


def _unit(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)

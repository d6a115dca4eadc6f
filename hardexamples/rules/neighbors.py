"""Exact nearest neighbors of many queries among many points, in little more memory than the points take.

faiss compares blocks of queries with blocks of points; no index is built, so nothing is copied as a whole.
"""

from collections.abc import Iterator

import faiss
import numpy as np

RESOLUTION = 1e-6  # of a squared length; smaller squared distances are what float32 rounds, so copies are at 0
POINTS = 8192  # points gathered at once: at most 16 MiB of 512 numbers each


def nearest(queries: np.ndarray, points: np.ndarray, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest points of each query, nearest first.

    Args:
        queries: (q, d) float32 without holes.
        points: (p, d) float32 without holes, p > 0.
        count: how many; never more than p are found.

    Returns:
        (q, count) float32 Euclidean distances and (q, count) int places among the points.
    """
    if not len(queries):
        return np.zeros((0, min(count, len(points))), np.float32), np.zeros((0, min(count, len(points))), np.int64)
    queries = np.ascontiguousarray(queries)
    squared, places = faiss.knn(queries, np.ascontiguousarray(points), min(count, len(points)))
    length = np.einsum("ij,ij->i", queries, queries)[:, None]
    return np.sqrt(np.where(squared > RESOLUTION * length, squared, 0.0)), places


class NearestByClass:
    """Exact nearest neighbors class by class: together as many distances as one search over all points.

    Args:
        table: (n, d) float32, kept and not copied.
        labels: (n,) int, the class of each row; rows below 0 or with a hole in `table` are left out.
        usable: (n,) bool, which rows have no hole.
    """

    def __init__(self, table: np.ndarray, labels: np.ndarray, usable: np.ndarray) -> None:
        self.table = table
        chosen = np.flatnonzero(usable & (labels >= 0))
        chosen = chosen[np.argsort(labels[chosen], kind="stable")]
        classes, starts = np.unique(labels[chosen], return_index=True)
        self.rows = dict(zip(classes.tolist(), np.split(chosen, starts[1:]), strict=True)) if len(chosen) else {}

    def _parts(self) -> Iterator[tuple[int, np.ndarray]]:
        for label, rows in self.rows.items():
            for start in range(0, len(rows), POINTS):
                yield label, rows[start : start + POINTS]

    def same_and_other(self, queries: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(q,) distances to the nearest point of each query's class, and of any other class; inf for none.

        Args:
            queries: (q, d) float32 without holes.
            classes: (q,) int.
        """
        same, other, _, _ = self.search(queries, classes, count=1)
        return same, other

    def search(
        self, queries: np.ndarray, classes: np.ndarray, *, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As `same_and_other`, and (q, count) distances to and rows of the nearest points of all classes, nearest
        first; inf and -1 where there are fewer."""
        same, other = np.full((2, len(queries)), np.inf)
        distances = np.full((len(queries), count), np.inf)
        rows = np.full((len(queries), count), -1)
        for label, part in self._parts():
            found, places = nearest(queries, self.table[part], count=count)
            mine, closest = classes == label, found[:, 0]
            np.minimum(same, closest, out=same, where=mine)
            np.minimum(other, closest, out=other, where=~mine)
            if count > 1:
                distances, rows = _closest(np.hstack([distances, found]), np.hstack([rows, part[places]]), count)
        return same, other, distances, rows

    def among_themselves(self, rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `same_and_other` for some of the points, each one's own place left out.

        Args:
            rows: (m,) int, places in the table.
            labels: (m,) int, their classes.
        """
        points = self.table[rows]
        same, other = self.same_and_other(points, labels)
        for label in np.unique(labels):
            mine, members = labels == label, self.rows[int(label)]
            own = np.full((int(mine.sum()), 2), np.inf)
            for start in range(0, len(members), POINTS):
                found = nearest(points[mine], self.table[members[start : start + POINTS]], count=2)[0]
                own = np.sort(np.hstack([own, found]), axis=1)[:, :2]
            same[mine] = own[:, 1]
        return same, other


def _closest(distances: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((rows, distances))[:, :count]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(rows, order, axis=1)

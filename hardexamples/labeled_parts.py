"""Parts of the labeled images of a detector, kept by the bytes of the image: what empty ground looks like there.

A few hundred images are enough to learn it from, so no training set is too large for it.
"""

from collections.abc import Sequence

import numpy as np

from hardexamples import crops, store
from hardexamples.features import VERSION

MOST_IMAGES = 500

type Parts = tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]


def chosen(sha256s: Sequence[str]) -> set[str]:
    """The images whose parts are measured: those with the lowest content addresses, as good as drawn by chance, and
    for the most part the same when the training set grows."""
    return set(sorted(set(sha256s))[:MOST_IMAGES])


def missing(sha256s: Sequence[str]) -> set[str]:
    """The chosen images of which no parts are kept."""
    return store.missing(chosen(sha256s), [(store.PARTS_EXTRACTOR, VERSION)])


def load(sha256s: Sequence[str], boxes: Sequence[np.ndarray]) -> Parts | tuple[None, None]:
    """The parts of n labeled images, in their order.

    Args:
        sha256s: the images.
        boxes: n arrays (m, 4), what is labeled in them, in pixels.

    Returns:
        n arrays (k, d) float32 and n arrays (k,) float, as `Reference.part_descriptors` and `Reference.part_held`; k is
        0 where nothing is kept. None, None where nothing is kept of any.
    """
    looked_at = chosen(sha256s)
    asked = [place for place, sha256 in enumerate(sha256s) if sha256 in looked_at]
    rows = store.rows([(sha256s[place], store.PARTS_EXTRACTOR) for place in asked], VERSION)
    kept = {place: row for place, row in zip(asked, rows, strict=True) if row is not None}
    looks: dict[int, np.ndarray] = {}
    held: dict[int, np.ndarray] = {}
    for place, row in kept.items():
        if row.statistics is not None and row.vector is not None:
            places = row.statistics.reshape(-1, 4)
            looks[place] = row.vector.astype(np.float32).reshape(len(places), -1)
            held[place] = crops.held(places, boxes[place])
    if not looks:
        return None, None
    width = next(iter(looks.values())).shape[1]
    nothing, unknown = np.zeros((0, width), np.float32), np.zeros(0)
    count = range(len(sha256s))
    return tuple(looks.get(place, nothing) for place in count), tuple(held.get(place, unknown) for place in count)

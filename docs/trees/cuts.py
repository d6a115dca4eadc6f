"""Writes `hardexamples/trees.npz`: what the tree detector says about cuts of the photographs, for `evaluate_mining`.

    PYTHONPATH=. python docs/trees/cuts.py

The labeled part: all tiles of the photograph that the deployed detector learned, with parts of each tile. The
inputs are random cuts of the three photographs that it never saw: some anywhere, some where the detector found nothing
of any crown, some that truly hold none. Descriptors are kept as float16, as the product does.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from measure import SURE, found_in

from config.demonstration import trees
from hardexamples import crops
from hardexamples.features import box_statistics, descriptor, statistics

TARGET = Path(__file__).parents[2] / "hardexamples" / "trees.npz"
SEED = 1
ANYWHERE, CHOSEN = 400, 200
"""How many cuts anywhere, and how many all missed and as many truly empty ones."""
MOST_TRIES = 200


def answers(cuts: Sequence[trees.Cut]) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the deployed detector says of each cut: boxes (m, 4), confidences (m,)."""
    model = trees.detector(trees.INPUTS[0])
    return [(boxes[sure >= SURE], sure[sure >= SURE]) for boxes, sure in found_in(model, cuts)]


def anywhere(names: Sequence[str], *, count: int, random: np.random.Generator) -> Iterable[trees.Cut]:
    """Random cuts in which no crown is a mere rest at the rim; large photographs have more of them."""
    areas = np.array([trees.photograph(name).pixels[:, :, 0].size for name in names]) ** 0.5
    while count:
        name = str(random.choice(names, p=areas / areas.sum()))
        cut = trees.random_cut(name, random)
        if cut is not None:
            count -= 1
            yield cut


def enlarged(cut: trees.Cut) -> trees.Cut:
    """The cut as an image of 256 x 256 pixels, as if taken from nearer: as large as the labeled tiles."""
    pixels = cv2.resize(cut.pixels, (trees.SIDE, trees.SIDE), interpolation=cv2.INTER_LINEAR)
    boxes = cut.boxes * (trees.SIDE / len(cut.pixels))
    return replace(cut, pixels=pixels, boxes=boxes)


def all_missed(names: Sequence[str], *, count: int) -> list[trees.Cut]:
    """As evenly over the photographs as they have them."""
    found: list[trees.Cut] = []

    def detect(cut: trees.Cut) -> np.ndarray:
        return answers([enlarged(cut)])[0][0] * (len(cut.pixels) / trees.SIDE)

    for place, name in enumerate(names):
        wanted = (count - len(found)) // (len(names) - place)
        found += islice(trees.missed_crops(name, detect=detect, count=wanted, seed=SEED, tries=MOST_TRIES), wanted)
    return found


def main() -> None:
    labeled = trees.tiles(trees.LABELED)
    random = np.random.default_rng(SEED)
    groups = {
        "anywhere": list(anywhere(trees.INPUTS, count=ANYWHERE, random=random)),
        "missed": all_missed(trees.INPUTS, count=CHOSEN),
        "empty": [],
    }
    for name in reversed(trees.INPUTS):  # the road has the most room
        wanted = CHOSEN - len(groups["empty"])
        groups["empty"] += trees.empty_crops(name, count=wanted if name == "road" else wanted // 3, seed=SEED)
    inputs = [enlarged(cut) for group in groups.values() for cut in group]
    kept = {"group": np.repeat(list(groups), [len(group) for group in groups.values()])}
    for part, cuts in (("labeled", labeled), ("input", inputs)):
        said = answers(cuts)
        kept |= {f"{part}_{key}": value for key, value in _arrays(cuts, said).items()}
    kept |= _parts(labeled)
    np.savez_compressed(TARGET, **kept)  # type: ignore[arg-type]
    counts = ", ".join(f"{len(group)} {name}" for name, group in groups.items())
    sys.stdout.write(f"{len(labeled)} labeled, {counts}; {TARGET.stat().st_size:,} bytes\n")


def _parts(cuts: Sequence[trees.Cut]) -> dict[str, np.ndarray]:
    """(n, k, d) descriptors of the parts of each labeled tile, and (n, k) what they hold."""
    places = [crops.places((len(cut.pixels), len(cut.pixels))) for cut in cuts]
    looks = [[_look(cut, *place) for place in each.tolist()] for cut, each in zip(cuts, places, strict=True)]
    held = [crops.held(each, cut.boxes) for cut, each in zip(cuts, places, strict=True)]
    return {"part_descriptors": np.array(looks, np.float16), "part_held": np.array(held, np.float16)}


def _look(cut: trees.Cut, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    return descriptor(np.ascontiguousarray(cut.pixels[top:bottom, left:right]))


def _arrays(cuts: Sequence[trees.Cut], said: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    def each(cut: trees.Cut) -> tuple[int, int]:
        return len(cut.pixels), len(cut.pixels)

    return {
        "names": np.array([cut.name for cut in cuts]),
        "sizes": np.array([each(cut) for cut in cuts]),
        "descriptor": np.stack([descriptor(cut.pixels) for cut in cuts]).astype(np.float16),
        "statistics": np.stack([statistics(cut.pixels, size=each(cut)) for cut in cuts]),
        "truth_counts": np.array([len(cut.boxes) for cut in cuts]),
        "truth": np.concatenate([cut.boxes for cut in cuts]).astype(np.float32),
        "truth_statistics": np.concatenate([box_statistics(c.pixels, c.boxes, size=each(c)) for c in cuts]),
        "counts": np.array([len(boxes) for boxes, _ in said]),
        "boxes": np.concatenate([boxes for boxes, _ in said]).astype(np.float32),
        "confidences": np.concatenate([sure for _, sure in said]).astype(np.float32),
        "box_statistics": np.concatenate(
            [box_statistics(cut.pixels, boxes, size=each(cut)) for cut, (boxes, _) in zip(cuts, said, strict=True)]
        ),
    }


if __name__ == "__main__":
    main()

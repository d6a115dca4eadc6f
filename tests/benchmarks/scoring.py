"""What the filter costs beside the bare neighbor searches that it needs, and beside cleanlab: `make bench-scoring`.

Everything is measured in one run on made-up features, the same each time, by the processor's seconds of one thread (the
product's workers have one each), the better of two rounds. Exits with 1 where a goal is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from hardexamples.evaluation import PEER, has_peer
from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import Batch, Reference
from hardexamples.rules.neighbors import nearest
from hardexamples.scoring import Filter

CLASSES = 10
ROUNDS = 2
WIDE, WIDE_QUERIES, WIDE_COUNT = 512, 10_000, 10
EXPLAINED = 1_000
SCORE_RULES = ("low_confidence", "no_target")
PEAK = "VmHWM"


def made_up(inputs: int, labeled: int, *, width: int) -> tuple[Reference, Batch]:
    """Ten classes that overlap a little, and a model that errs on about one input in seven."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(CLASSES, width)).astype(np.float32) * np.float32(3 / np.sqrt(width))
    names = tuple(map(str, range(CLASSES)))

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, CLASSES, count)
        return labels, rng.standard_normal((count, width), dtype=np.float32) + centers[labels]

    labels, looks = drawn(labeled)
    truth, seen = drawn(inputs)
    odds = 1.5 * rng.normal(size=(inputs, CLASSES)) + 4 * np.eye(CLASSES)[truth]
    said = np.exp(odds - odds.max(axis=1, keepdims=True))
    reference = Reference(
        names=tuple(f"labeled-{index}" for index in range(labeled)),
        task="image_classification",
        class_names=names,
        labels=labels,
        descriptor=looks,
        statistics=1 + 0.2 * rng.random((labeled, 7)),
    )
    batch = Batch(
        names=tuple(f"input-{index}" for index in range(inputs)),
        task="image_classification",
        class_names=names,
        probabilities=said / said.sum(axis=1, keepdims=True),
        descriptor=seen,
        statistics=1 + 0.2 * rng.random((inputs, 7)),
    )
    return reference, batch


def seconds(*works: Callable[[], object]) -> list[float]:
    """Processor seconds of each work, taken in turns."""
    best = [np.inf] * len(works)
    for _ in range(ROUNDS):
        for place, work in enumerate(works):
            start = time.process_time()
            work()
            best[place] = min(best[place], time.process_time() - start)
    return best


def peak(work: Callable[[], object]) -> float:
    """MiB that a work needs at most beyond what was there before it; NaN where the system does not tell."""
    if not Path("/proc/self/clear_refs").exists():
        return float("nan")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from the present size
    before = _peak()
    work()
    return _peak() - before


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(PEAK)) / 1024


class Report:
    """Prints figures beside their goals and remembers whether one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def told(self, what: str, value: float, goal: float | None = None, *, unit: str = "") -> None:
        """One line; a goal is missed by a value above it."""
        self.missed |= goal is not None and value > goal
        asked = "" if goal is None else f"goal {goal:g}{unit}"
        print(f"{what:<62}{value:>10.3g}{unit:<4} {asked}", flush=True)


def scoring(report: Report, inputs: int, labeled: int, width: int) -> None:
    """All rules but augmentation against the searches they need; fitting; reasons."""
    reference, batch = made_up(inputs, labeled, width=width)
    points, queries = reference.space("descriptor"), batch.space("descriptor")
    everything, some = faiss.IndexFlatL2(width), faiss.IndexFlatL2(width)
    everything.add(points)
    some.add(points[:: max(1, labeled // 5000)])
    fitted = Filter(FilterSettings()).fit(reference)
    bare_all, bare_some, scored = seconds(
        lambda: everything.search(queries, 1), lambda: some.search(queries, 20), lambda: fitted.apply(batch)
    )
    bare = bare_all + bare_some
    figures = fitted.fitted_as_dict()
    fit, again = seconds(
        lambda: Filter(FilterSettings()).fit(reference), lambda: Filter(FilterSettings()).fit(reference, fitted=figures)
    )
    print(f"{inputs:,} inputs, {labeled:,} references, {width} numbers each, one thread")
    report.told("bare search, nearest of all references", bare_all, unit=" s")
    report.told("bare search, 20 nearest of 5,000 (outlier)", bare_some, unit=" s")
    report.told("score, fuse and stack, all rules but augmentation", scored, unit=" s")
    report.told("  beside both bare searches", scored / bare, 1.3, unit="x")
    report.told("fit, suspect labels and rehearsal included", fit, unit=" s")
    report.told("  beside both bare searches", fit / bare, 1.5, unit="x")
    report.told("fit from kept figures", again, unit=" s")
    verdicts = fitted.apply(batch)
    hard = np.flatnonzero(verdicts.flagged)[:EXPLAINED]
    explained = seconds(lambda: verdicts.explain(hard))[0]
    report.told(
        f"reasons of an image, of {len(hard):,} flagged ones", 1000 * explained / max(len(hard), 1), 2, unit=" ms"
    )
    for name, rule in fitted.rules_.items():
        report.told(f"  {name}", seconds(lambda rule=rule: rule.score(batch))[0], unit=" s")


def ranking(report: Report, inputs: int) -> None:
    """The rules that look at probabilities alone, and the order of the images by them, against cleanlab."""
    reference, batch = made_up(inputs, 100, width=2)
    chosen = {
        name: rule for name, rule in Filter(FilterSettings()).fit(reference).rules_.items() if name in SCORE_RULES
    }

    fresh = iter([replace(batch) for _ in range(ROUNDS)])  # each with nothing worked out yet

    def ranked() -> np.ndarray:
        inputs = next(fresh)
        return np.argsort(-np.fmax.reduce([rule.score(inputs) for rule in chosen.values()]))

    if not has_peer():
        report.told(f"score and rank {inputs:,} by their probabilities", seconds(ranked)[0], unit=" s")
        print(f"{PEER} is not installed")
        return
    issues = import_module("cleanlab.filter").find_label_issues
    labels, said = batch.predicted.copy(), batch.probabilities
    wrong = np.random.default_rng(1).random(inputs) < 0.1
    labels[wrong] = (labels[wrong] + 1) % CLASSES  # it looks for labels that the probabilities contradict
    ours, theirs = seconds(ranked, lambda: issues(labels, said, n_jobs=1, return_indices_ranked_by="normalized_margin"))
    report.told(f"score and rank {inputs:,} by their probabilities", ours, unit=" s")
    report.told(f"{PEER} find_label_issues", theirs, unit=" s")
    report.told(f"  beside {PEER}", ours / theirs, 0.2, unit="x")


def neighbors(report: Report, labeled: int) -> None:
    """Exact neighbors in wide features: time beside faiss, memory beyond the data."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((labeled, WIDE), dtype=np.float32)
    queries = rng.standard_normal((WIDE_QUERIES, WIDE), dtype=np.float32)
    beyond = peak(lambda: nearest(queries, points, count=WIDE_COUNT))
    index = faiss.IndexFlatL2(WIDE)
    index.add(points)
    ours, bare = seconds(lambda: nearest(queries, points, count=WIDE_COUNT), lambda: index.search(queries, WIDE_COUNT))
    report.told(
        f"{WIDE_COUNT} nearest of {labeled:,} for {WIDE_QUERIES:,}, {WIDE} numbers: beside faiss",
        ours / bare,
        1.3,
        unit="x",
    )
    report.told("  memory beyond the data", beyond, 100, unit="MiB")


def memory(report: Report, inputs: int, labeled: int) -> None:
    """Scoring and fitting wide features. Fewer references than elsewhere where inputs are counted: the memory does not
    grow with their product, the time does."""
    reference, batch = made_up(inputs, labeled // 10, width=WIDE)
    fitted = Filter(FilterSettings()).fit(reference)
    report.told(
        f"{inputs:,} inputs of {WIDE} numbers ({_mib(batch):.0f} MiB): memory beyond them",
        peak(lambda: fitted.apply(batch)),
        unit="MiB",
    )
    reference, _ = made_up(1, labeled, width=WIDE)
    report.told(
        f"fit on {labeled:,} references ({_mib(reference):.0f} MiB): memory beyond them",
        peak(lambda: Filter(FilterSettings()).fit(reference)),
        unit="MiB",
    )


def _mib(batch: Batch) -> float:
    return batch.space("descriptor").nbytes / 2**20


def main() -> int:
    """Runs the benchmark; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--labeled", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=64, help="numbers in a descriptor")
    asked = parser.parse_args()
    report = Report()
    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        neighbors(report, asked.labeled)
        ranking(report, asked.inputs)
        memory(report, asked.inputs, asked.labeled)
        scoring(report, asked.inputs, asked.labeled, asked.width)
    return int(report.missed)


if __name__ == "__main__":
    sys.exit(main())

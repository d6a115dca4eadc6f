"""The work of a simulation: freeze what is labeled, measure what the store lacks, one learning curve after another."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from django.db import transaction

from batchservices import child
from config.leases import AWAY, CHUNK_ROWS, Lease, LeaseLost, breathe, claim
from config.lifecycle import move_one
from config.refusals import Refused
from config.steps import step
from datasets import blobs
from datasets.models import Annotation, Sample, Status
from hardexamples import reference, store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.reference import Labeled, Seer
from labeling import simulating
from labeling.auto.ordering import ORDERS
from labeling.auto.simulation import MOST_IMAGES, Curve, accuracies, rows, steps
from labeling.models import AUTO_LABELING_MOVES, AutoLabelingStatus, LabelingSimulation

log = logging.getLogger("hardmine.simulation")

MEASURED = 200  # images between two looks at the clock
KNOWN = 0.2  # how far a simulation is when all is measured


def execute(simulation_id: int) -> None:
    """Goes on with a simulation wherever it stands; harmless however often it is called."""
    try:
        lease = claim(LabelingSimulation, simulation_id)
        if lease is not None:
            with lease.giving_back(), lease.waiting():
                _execute(lease)
    except LeaseLost:
        log.info("Simulation %s was stopped, or somebody else works on it.", simulation_id)
    except Refused as error:
        log.warning("Simulation %s %s: %s", simulation_id, "waits" if error.status == AWAY else "failed", error)
        if error.status != AWAY:
            _fail(simulation_id, error)


def _fail(simulation_id: int, error: Refused) -> None:
    with transaction.atomic():
        at_work = LabelingSimulation.objects.filter(pk=simulation_id, status__in=LabelingSimulation.WORKING)
        if at_work.exists():
            changes = {"error_code": error.code, "error": str(error)}
            simulating.end(simulation_id, AutoLabelingStatus.FAILED, changes=changes)


def _execute(lease: Lease) -> None:
    found = LabelingSimulation.objects.select_related("dataset")
    simulation = found.get(pk=lease.pk)
    if simulation.total is None:
        _freeze(lease, simulation)
        simulation = found.get(pk=lease.pk)
    with lease.renewing():
        points, labels = _read(lease, simulation)
        curves = _simulate(lease, simulation, points, labels)
    with transaction.atomic():
        lease.hold()
        changes = {"rows": rows(simulation.dataset.name, curves), "share": 1.0}
        simulating.end(simulation.pk, AutoLabelingStatus.SUCCEEDED, changes=changes)
        step("simulation.end.before_commit")


def _freeze(lease: Lease, simulation: LabelingSimulation) -> None:
    """Keeps which samples are labeled how; of very many, as many as make a difference, drawn by chance."""
    samples = Sample.objects.filter(dataset=simulation.dataset, status=Status.LABELED)
    chosen = samples.order_by("-lot", "-id").values_list("pk", flat=True)[:MOST_IMAGES]
    labeled: dict[int, int] = {}
    for block in _blocks(sorted(chosen)):
        claims = Annotation.objects.filter(sample__in=block).order_by("-id")
        labeled |= dict(claims.values_list("sample", "label"))  # the first of each sample stays
    with transaction.atomic():
        frozen = np.array([list(labeled), list(labeled.values())], "<i8").tobytes()
        lease.hold(changes={"learned_from": frozen, "total": len(labeled)})
        mine = LabelingSimulation.objects.filter(pk=simulation.pk)
        move_one(mine, moves=AUTO_LABELING_MOVES, to=AutoLabelingStatus.RUNNING)
        step("simulation.frozen.before_commit")
    step("simulation.frozen")


def _read(lease: Lease, simulation: LabelingSimulation) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) features and (n,) labels of what can be read; what the store lacks is measured."""
    ids, of_label = np.frombuffer(bytes(simulation.learned_from or b""), "<i8").reshape(2, -1)
    label_of = dict(zip(ids.tolist(), of_label.tolist(), strict=True))
    images: list[Labeled] = []
    labels: list[int] = []
    for block in _blocks(ids.tolist()):
        for sample in Sample.objects.filter(pk__in=block).select_related("blob").order_by("id"):
            images.append(Labeled(sample.name, blobs.location(sample.blob), sample.blob.sha256))
            labels.append(label_of[sample.pk])
    seer = _seer(simulation)
    for start in range(0, len(images), MEASURED):
        reference.measure(images[start : start + MEASURED], seer, lease.hold)
        share = KNOWN * (start + MEASURED) / len(images)
        if share > simulation.share:
            lease.hold(changes={"share": min(share, KNOWN)})
        breathe()
    sha256s = [image.sha256 for image in images]
    if simulation.activations_tensor:
        extractor = store.activations_extractor(simulation.model_sha256, simulation.activations_tensor)
        found = store.load(sha256s, extractor, 1).vectors
    else:
        found = store.load(sha256s, EXTRACTOR, VERSION).vectors
    points = np.zeros((len(images), 0), np.float32) if found is None else found
    readable = np.isfinite(points).all(axis=1) & (points.shape[1] > 0)
    points, known = points[readable], np.array(labels, np.int64)[readable]
    simulating.check_enough(simulation.dataset, len(points), len(np.unique(known)))
    lease.hold(changes={"unreadable": len(images) - len(points)})
    return points, known


def _seer(simulation: LabelingSimulation) -> Seer:
    names = simulation.dataset.labels.order_by("id").values_list("name", flat=True)
    return Seer(
        model=simulation.model_sha256,
        tensor=simulation.activations_tensor,
        predictor=simulation.predictor,
        task=simulation.dataset.task,
        class_names=simulation.profile["class_names"] if simulation.model_sha256 else list(names),
        describe=partial(_describe, simulation),
        asked=bool(simulation.model_sha256),
    )


def _describe(simulation: LabelingSimulation, data: bytes, boxes: np.ndarray, parts: bool) -> dict[str, Any]:
    if not simulation.model_sha256:
        return child.describe_labeled(data, boxes, parts=parts)
    child.load(simulation)
    return child.predict_labeled(data, boxes, parts=parts)


def _simulate(lease: Lease, simulation: LabelingSimulation, points: np.ndarray, labels: np.ndarray) -> list[Curve]:
    """The learning curves: those that a worker before has left, and the others, each kept as it is done."""
    at = steps(len(labels), budget=simulation.most_labels)
    kept: dict[str, list[list[float]]] = simulation.curves
    told = {order: [curve for curve in kept.get(order, ()) if len(curve) == len(at)] for order in ORDERS}
    for seed in range(simulation.seeds):
        for order in ORDERS:
            if len(told[order]) > seed:
                continue
            told[order].append(accuracies(points, labels, order=order, at=at, seed=seed).tolist())
            done = sum(map(len, told.values())) / (simulation.seeds * len(ORDERS))
            with transaction.atomic():
                lease.hold(changes={"curves": told, "share": KNOWN + (1 - KNOWN) * done})
                step("simulation.curve.before_commit")
            step("simulation.curve.committed")
            breathe()
    return [Curve(order, at, np.array(found)) for order, found in told.items()]


def _blocks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK_ROWS):
        yield ids[start : start + CHUNK_ROWS]

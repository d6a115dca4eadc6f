"""What large runs cost beside inference: `make bench-runs`.

A second run over an unchanged folder (nothing is inferred), two runs compared, the filter over one of them, and the
frozen list of a manifest. Runs, answers and features are made up and written through the ORM; each measurement is a
process of its own, so that its memory is its own: what it held at most beyond what it began with. `--inputs` and
`--lines` say how large; half of it is measured before, which shows what grows. Wall clock and processor seconds.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django

from tests.benchmarks import installation

INSIDE = "HARDMINE_BENCH_INSIDE"
if INSIDE in os.environ:
    django.setup()
else:
    installation.fresh(OMP_NUM_THREADS="1")

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from batchservices import collection, comparison, registration, running
from batchservices.collection import begin_filtering
from batchservices.deployment import deploy
from batchservices.filtering_again import frozen_filtering
from batchservices.freezing import freeze
from batchservices.inputs import list_inputs
from batchservices.keeping import wanted_of
from batchservices.models import BatchRun, BatchService, InferenceModel, ItemStatus, RunItem, RunStatus
from batchservices.predictions import classification_json, result_name
from config.leases import claim
from datasets.formats.jsonlines import dumps
from hardexamples.features import EXTRACTOR, STATISTICS
from hardexamples.filters import FilterChoices, create_filter
from hardexamples.models import Features
from tests.benchmarks import many_inputs

BLOCK = 2000
DESCRIPTOR = 412
CLASSES = many_inputs.SMALL_CLASSES


def content_of(number: int) -> str:
    """The content address of a made-up image."""
    return hashlib.sha256(f"image {number}".encode()).hexdigest()


def answers(count: int, *, seed: int) -> np.ndarray:
    """(count, classes) float32 of a classifier that is mostly sure; other seeds differ at one in twenty."""
    rng = np.random.default_rng(seed)
    logits = np.random.default_rng(0).normal(size=(count, CLASSES)).astype(np.float32)
    logits[np.arange(count), np.arange(count) % CLASSES] += 8
    doubtful = np.flatnonzero(rng.random(count) < 0.05)
    logits[doubtful] = rng.normal(scale=2, size=(len(doubtful), CLASSES))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def folder_of(count: int) -> str:
    """Files among the inputs that nobody will read: a run before has predicted them."""
    folder = Path(settings.DATA_DIR, "inputs", f"many{count}")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:07}.jpg").write_bytes(b"never read")
    return f"inputs:{folder.name}"


def ended_run(service: BatchService, predictor: str, said: np.ndarray) -> BatchRun:
    """A finished run of a service with its items, its result files, and the features of its images."""
    model = service.model
    run = BatchRun.objects.create(
        service=service, model=model, status=RunStatus.RUNNING, input_location=service.input_location,
        output_location=service.output_location, model_sha256=model.sha256, profile=model.profile,
        activations_tensor=model.activations_tensor, predictor=predictor, filtering=service.filtering,
        filter_settings=frozen_filtering(service), total=len(said), done=len(said),
    )  # fmt: skip
    names = many_inputs.CLASSES[:CLASSES]
    results = Path(settings.DATA_DIR, "outputs", service.output_location.partition(":")[2])
    (results / "infer-result").mkdir(parents=True, exist_ok=True)
    rows: list[RunItem] = []
    for place, (each, shares) in enumerate(zip(list_inputs(run.input_location), said, strict=True)):
        prediction = classification_json(shares, names)
        (results / result_name(each.name)).write_bytes(dumps(prediction))
        rows.append(
            RunItem(
                run=run,
                position=place,
                name=each.name,
                location=each.location,
                etag=each.etag,
                sha256=content_of(place),
                status=ItemStatus.DONE,
                width=64,
                height=64,
                prediction=prediction,
                predicted_label=prediction["predicted_label"],
                confidence=float(shares.max()),
                probabilities=shares.tobytes(),
            )
        )
        if len(rows) == BLOCK:
            RunItem.objects.bulk_create(rows)
            rows = []
    RunItem.objects.bulk_create(rows)
    keep_features(run, said)
    BatchRun.objects.filter(pk=run.pk).update(status=RunStatus.FINISHED, finished_at=run.created_at)
    return run


def keep_features(run: BatchRun, said: np.ndarray) -> None:
    """All that inference would have left of the images."""
    rng = np.random.default_rng(1)
    kinds = rng.random((CLASSES, DESCRIPTOR))
    wanted = wanted_of(run)
    for start in range(0, len(said), BLOCK):
        rows = []
        for number in range(start, min(start + BLOCK, len(said))):
            numbers = np.array([4096, 1, *rng.normal(0.5, 0.1, len(STATISTICS) - 2)], np.float32)
            look = kinds[number % CLASSES] + rng.normal(scale=0.2, size=DESCRIPTOR)
            for extractor, version in wanted:
                own = extractor == EXTRACTOR
                vector = (look / np.linalg.norm(look)).astype("<f2") if own else None
                known = numbers if own else said[number]
                if not own and "probabilities" not in extractor:
                    known, vector = None, rng.random(CLASSES).astype("<f2")
                rows.append(
                    Features(
                        sha256=content_of(number),
                        extractor=extractor,
                        version=version,
                        statistics=None if known is None else known.tobytes(),
                        vector=None if vector is None else vector.tobytes(),
                    )
                )
        Features.objects.bulk_create(rows, ignore_conflicts=True)


def filled(model: InferenceModel, by: User, *, count: int) -> tuple[BatchService, BatchRun, BatchRun]:
    """A service with two ended runs over the same inputs; the older one is of another model."""
    chosen = create_filter(name=f"no second look {count}", by=by, choices=FilterChoices(aug_op_config=""))
    service = deploy(
        name=f"many{count}", model=model, input_location=folder_of(count), output_location=f"outputs:many{count}",
        by=by, filtering=True, filter=chosen, output_dataset_name=f"hard of {count}",
    )  # fmt: skip
    older = ended_run(service, f"another:{0:064x}", answers(count, seed=2))
    newer = ended_run(service, registration.predictor_of(model), answers(count, seed=3))
    return service, older, newer


def second_run(service_id: int) -> str:
    """A run over an unchanged folder."""
    service = BatchService.objects.get(pk=service_id)
    BatchService.objects.filter(pk=service_id).update(filtering=False)
    run = running.start(service=service, by=None)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done) == (RunStatus.FINISHED, run.total), f"{run.status}: {run.error}"
    return f"{run.kept:,} of {run.total:,} kept, {run.done - run.kept:,} inferred"


def compared(run_id: int, other_id: int) -> str:
    """Two runs over the same inputs."""
    run, other = BatchRun.objects.get(pk=run_id), BatchRun.objects.get(pk=other_id)
    made = comparison.compare(run=run, other=other, by=None)
    comparison.execute(made.pk)
    made.refresh_from_db()
    assert made.status == "finished", made.error
    return f"{made.counts}"


def filtered(run_id: int) -> str:
    """The filter over all of a run, up to what is to be brought."""
    run = BatchRun.objects.select_related("service__output_dataset").get(pk=run_id)
    frozen = frozen_filtering(run.service) or {}
    mapping = {name: name for name in run.profile["class_names"]}
    assert run.service.output_dataset is not None
    task = begin_filtering(run, run.service.output_dataset, {**frozen, "label_mapping": mapping}, by=None)
    lease = claim(type(task), task.pk)
    assert lease is not None
    collection.mine_run(lease, task)
    task.refresh_from_db()
    assert task.mining is not None
    return f"{task.mining.flagged:,} of {task.mining.items.count():,} flagged"


def frozen(service_id: int) -> str:
    """The list of inputs of a manifest."""
    run = running.start(service=BatchService.objects.get(pk=service_id), by=None)
    lease = claim(BatchRun, run.pk)
    assert lease is not None
    freeze(lease, run)
    run.refresh_from_db()
    running.stop(run=run, by=None)
    return f"{run.total:,} inputs"


MEASURED: dict[str, Callable[..., str]] = {
    "second_run": second_run,
    "compared": compared,
    "filtered": filtered,
    "frozen": frozen,
}


def peak_mib() -> float:
    """The most that this process has held so far."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def measure_inside(what: str, *arguments: int) -> None:
    """One measurement, in its own process; prints JSON."""
    before, began, spent = peak_mib(), time.monotonic(), time.process_time()
    said = MEASURED[what](*arguments)
    print(
        json.dumps(
            {
                "said": said,
                "seconds": time.monotonic() - began,
                "processor": time.process_time() - spent,
                "before": before,
                "most": peak_mib(),
            }
        )
    )


def measure(what: str, *arguments: int, images: int) -> dict[str, Any]:
    """Runs one measurement and prints its line."""
    line = [sys.executable, "-m", "tests.benchmarks.large_runs", "--inside", what, *map(str, arguments)]
    environment = os.environ | {INSIDE: "1"}
    done = subprocess.run(line, cwd=settings.BASE_DIR, check=True, stdout=subprocess.PIPE, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{what:10} {images:9,}: {found['seconds']:7.1f} s, {found['processor']:7.1f} s of a core "
        f"({1e6 * found['processor'] / images:6.0f} us each), {found['most'] - found['before']:6.0f} MiB beyond "
        f"{found['before']:.0f}; {found['said']}",
        flush=True,
    )
    return found


def manifest_service(model: InferenceModel, by: User, *, lines: int) -> BatchService:
    """A service on a manifest of so many lines."""
    place = Path(settings.DATA_DIR, "inputs", f"lines{lines}.manifest")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as stream:
        for number in range(lines):
            stream.write(f'{{"source": "inputs:street/{number % 97:02}/{number:08}.jpg"}}\n')
    return deploy(
        name=f"lines{lines}", model=model, input_location=f"inputs:{place.name}", output_location=f"outputs:{lines}",
        by=by,
    )  # fmt: skip


def sizes(most: int) -> Iterator[int]:
    """Half of it, and all."""
    yield from (size for size in (most // 2, most) if size)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        measure_inside(asked.inside[0], *map(int, asked.inside[1:]))
        return
    call_command("migrate", verbosity=0)
    by = User.objects.create_superuser("bench")
    model = registration.register_model(
        name="small", data=many_inputs.small_network(), by=by, profile=many_inputs.SMALL_PROFILE
    )
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    for size in sizes(asked.inputs):
        service, older, newer = filled(model, by, count=size)
        measure("compared", newer.pk, older.pk, images=size)
        measure("filtered", newer.pk, images=size)
        measure("second_run", service.pk, images=size)
    for size in sizes(asked.lines):
        measure("frozen", manifest_service(model, by, lines=size).pk, images=size)


if __name__ == "__main__":
    main()

"""Batch inference end to end beside the bare loop, and its cost as the inputs grow: `make bench-inference`.

A service on made-up 1080p JPEGs and a model of MobileNetV2's size, worked by Celery as `manage.py serve` starts it; in
turns with it the bare loop of `bare_loop` on the same files, in as many processes. Then 64-pixel images, 1,000 to
30,000 (`ARGS="--growth 1000,10000,100000"` for more): images per second and the most memory of a worker process and of
its sandbox. Wall clock says what a night costs; processor seconds say it also while others use the machine. Exits with
1 where a goal is missed.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import installation

DIRECTORY = installation.fresh()

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from batchservices import registration, running
from batchservices.deployment import deploy
from batchservices.models import BatchService, InferenceModel
from config.processes import commands
from tests.benchmarks import many_inputs

GOAL = 0.85
GROWS_AT_MOST = 1.15
TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 24
RUN_SECONDS = 3600


@dataclass(frozen=True)
class Figures:
    """What a number of files cost: seconds on the clock and of the processor, the part of it in sandboxes, and the most
    memory of one process each."""

    files: int
    seconds: float
    processor: float
    sandbox: float = 0.0
    worker_mib: float = 0.0
    sandbox_mib: float = 0.0

    def __str__(self) -> str:
        cost = 1000 * self.processor / self.files
        inside = f" ({1000 * self.sandbox / self.files:.2f} in sandboxes)" if self.sandbox else ""
        return f"{self.files / self.seconds:6.1f} img/s, {cost:6.2f} ms of a core per image{inside}"


class Workers:
    """The worker's processes and all that they started."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def all(self) -> Iterator[tuple[int, str]]:
        """Process ids and command lines, the children of each after it."""
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            try:
                yield pid, Path(f"/proc/{pid}/cmdline").read_text()
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
            except FileNotFoundError:
                continue  # it ended meanwhile

    def processor(self, *, sandboxes: bool) -> float:
        """Processor seconds so far of all sandboxes, or of all else."""
        chosen = [pid for pid, line in self.all() if ("config.confined" in line) == sandboxes]
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in chosen]
        return sum(int(each[11]) + int(each[12]) for each in fields) / TICK

    def peak(self, *, sandboxes: bool) -> float:
        """MiB that the largest process held at most."""
        return max(
            int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
            for pid, line in self.all()
            if ("config.confined" in line) == sandboxes
        )


@contextmanager
def workers() -> Iterator[Workers]:
    """The worker as `manage.py serve` starts it, until the block ends."""
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    environment = {**quiet, **os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    process = subprocess.Popen(
        commands(bind="")["worker"], cwd=settings.BASE_DIR, env=environment, start_new_session=True
    )
    try:
        yield Workers(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ready_model(name: str, data: bytes, profile: dict[str, Any], by: User) -> InferenceModel:
    """A registered model, checked."""
    model = registration.register_model(name=name, data=data, by=by, profile=profile)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    return model


def worked(service: BatchService, running_workers: Workers) -> Figures:
    """Starts a run and waits for its end."""
    worker, sandbox = running_workers.processor(sandboxes=False), running_workers.processor(sandboxes=True)
    began = time.monotonic()
    run = running.start(service=service, by=None, again=True)  # nothing is kept of rounds before
    while run.status in ("preparing", "running"):
        assert time.monotonic() - began < RUN_SECONDS, "the run does not end"
        time.sleep(0.05)
        run.refresh_from_db()
    seconds = time.monotonic() - began
    assert run.status == "finished", f"{run.status}: {run.error}"
    worker, sandbox = (
        running_workers.processor(sandboxes=False) - worker,
        running_workers.processor(sandboxes=True) - sandbox,
    )
    peaks = {"worker_mib": running_workers.peak(sandboxes=False), "sandbox_mib": running_workers.peak(sandboxes=True)}
    return Figures(run.done, seconds, worker + sandbox, sandbox, **peaks)


def deployed(model: InferenceModel, folder: str, by: User) -> BatchService:
    """A service on a folder of the inputs."""
    return deploy(
        name=folder, model=model, input_location=f"inputs:{folder}", output_location=f"outputs:{folder}", by=by
    )


def photographs(folder: str, *, count: int, width: int, height: int, quality: int = many_inputs.QUALITY) -> Path:
    """Made-up images among the inputs."""
    path = DIRECTORY / "inputs" / folder
    many_inputs.write_photographs(path, count=count, width=width, height=height, quality=quality)
    return path


def bare(model: bytes, folder: Path) -> Figures:
    """The bare loop over a folder."""
    file = DIRECTORY / "model.onnx"
    file.write_bytes(model)
    line = ["nice", "-n", "10", sys.executable, "-m", "tests.benchmarks.bare_loop", str(file), str(folder)]
    said = subprocess.run([*line, str(os.cpu_count())], cwd=settings.BASE_DIR, check=True, capture_output=True)
    return Figures(**json.loads(said.stdout))


def end_to_end(by: User, *, count: int, rounds: int) -> bool:
    """Prints the service beside the bare loop, in turns; whether the goal is met."""
    data = many_inputs.mobile_network()
    model = ready_model("mobile", data, many_inputs.PROFILE, by)
    ratios, processor = [], []
    photographs("warm", count=WARM_UP, width=1920, height=1080)
    with workers() as started:
        worked(deployed(model, "warm", by), started)
        for number in range(rounds):
            folder = photographs(f"hd{number}", count=count, width=1920, height=1080)
            alone, ours = bare(data, folder), worked(deployed(model, folder.name, by), started)
            print(f"1080p, {count} images: bare loop {alone}; service {ours}", flush=True)
            ratios.append(alone.seconds / ours.seconds)
            processor.append(alone.processor / ours.processor)
    print(
        f"service / bare loop: {statistics.median(ratios):.2f} by the clock, "
        f"{statistics.median(processor):.2f} by the processor (goal {GOAL})"
    )
    return statistics.median(processor) >= GOAL


def growth(by: User, *, sizes: list[int]) -> bool:
    """Prints the cost of small images by their number; whether it stays flat."""
    model = ready_model("small", many_inputs.small_network(), many_inputs.SMALL_PROFILE, by)
    found = []
    for size in sizes:
        photographs(f"small{size}", count=size, width=64, height=64, quality=90)
        with workers() as started:
            found.append(worked(deployed(model, f"small{size}", by), started))
        print(
            f"64 px, {size:7,} images: {found[-1]}; at most {found[-1].worker_mib:.0f} MiB in a worker process, "
            f"{found[-1].sandbox_mib:.0f} MiB in a sandbox",
            flush=True,
        )
    first, last = found[0], found[-1]
    costs = last.processor / last.files / (first.processor / first.files)
    print(f"cost per image, {last.files:,} / {first.files:,} images: {costs:.2f} (goal: at most {GROWS_AT_MOST})")
    return costs <= GROWS_AT_MOST


def main() -> int:
    """Runs the benchmark; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400, help="1080p images a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", default="1000,10000,30000", help="numbers of 64-pixel images; empty: none")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    by = User.objects.create_superuser("bench")
    met = end_to_end(by, count=asked.images, rounds=asked.rounds) if asked.images else True
    if asked.growth:
        met = growth(by, sizes=[int(size) for size in asked.growth.split(",")]) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

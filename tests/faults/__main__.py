"""`make faults`: runs under faults, at named steps and at random moments, in both configurations, without a human.

Each round is a run of 200 images, filtered into a dataset by two workers while things break; then all of it is judged.
The seed is printed; the same seed breaks the same things at the same moments.
"""

import argparse
import json
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any

from tests.faults.crew import Crew
from tests.faults.worlds import WORLDS, World
from tests.servers import private
from tests.serving import ROOT

FAULTS_PER_ROUND = 4
AFTER_PROGRESS = (0.0, 0.7)
BROKEN = (0.3, 2.0)
LONGEST = 300
ON_ONE_WORLD = 25
"""Rounds on the same database and storages: each leaves its images there, and the disk is small."""


@dataclass
class Figures:
    """What one configuration went through."""

    configuration: str
    times: list[float] = field(default_factory=list)
    wrong: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = {
            "configuration": self.configuration,
            "rounds": len(self.times),
            "wrong": self.wrong,
            "seconds": round(sum(self.times)),
            "median": round(statistics.median(self.times), 1),
            "slowest": round(max(self.times), 1),
            "faults": self.broken,
            "deaths at steps": self.died.total(),
            "steps": f"{len(self.died)} of {len(named_steps())}",
            "starts": self.starts,
        }
        return json.dumps(told)


class Rounds:
    """Rounds of one configuration, one after another on the same database and storages."""

    def __init__(self, world: World, seed: int, stack: ExitStack, figures: Figures, logs: Path) -> None:
        self.world, self.seed, self.figures, self.logs = world, seed, figures, logs
        self.logs.mkdir(parents=True)
        self.witness = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults.witness"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=(self.logs / "witness.log").open("w"),
                env={**world.environment, "HARDMINE_DEATHS": "", "HARDMINE_DATA_DIR": str(world.data_of(0))},
            )
        )  # fmt: skip
        stack.callback(self.witness.kill)
        self.read()
        self.crew = stack.enter_context(Crew(world, self.logs))
        self.steps = named_steps()
        random.Random(seed).shuffle(self.steps)
        stack.callback(self.count_starts)

    def count_starts(self) -> None:
        for member in (*self.crew.workers, self.crew.sweeper):
            self.figures.starts[member.log.stem] += member.starts

    def round(self, number: int) -> tuple[list[str], list[str]]:
        """What was broken, and what is wrong."""
        chance = random.Random(f"{self.seed}:{number}")
        order = self.world.deaths / self.steps[number % len(self.steps)]
        order.write_text(str(chance.choice((1, 1, 2, 3))))
        kinds = chance.sample(sorted(self.world.faults), FAULTS_PER_ROUND - 1)
        moments = sorted(chance.uniform(0, 1) for _ in kinds)
        self.ask(f"begin {self.seed} {number}")
        end = time.monotonic() + LONGEST
        started = time.monotonic()
        told = []
        for kind, moment in zip(kinds, moments, strict=True):
            if self.come_to(moment, end) == 1:
                break
            self.crew.pause(chance.uniform(*AFTER_PROGRESS))
            with self.world.faults[kind](chance):
                self.crew.pause(chance.uniform(*BROKEN))
            self.figures.broken[kind] += 1
            told.append(f"{kind} at {moment:.2f}")
        self.come_to(1, end)
        self.figures.times.append(time.monotonic() - started)
        if order.exists():
            order.unlink()
        else:
            self.figures.died[order.name] += 1
            told.append(f"death at {order.name}")
        wrong = self.ask("judge")["wrong"]
        self.figures.wrong += bool(wrong)
        return told, wrong

    def come_to(self, moment: float, end: float) -> float:
        """Waits until the work is that far; returns how far it is."""
        while (progress := self.ask("look")["progress"]) < moment and time.monotonic() < end:
            self.crew.pause(0.1)
        return progress

    def ask(self, words: str) -> dict[str, Any]:
        assert self.witness.stdin
        self.witness.stdin.write(f"{words}\n")
        self.witness.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        assert self.witness.stdout
        line = self.witness.stdout.readline()
        assert line, (self.logs / "witness.log").read_text()[-2000:]
        return json.loads(line)


def named_steps() -> list[str]:
    """The steps that a worker comes to in a run and its filtering."""
    names: set[str] = set()
    for folder in ("batchservices", "hardexamples", "datasets"):
        for path in Path(ROOT, folder).rglob("*.py"):
            names |= set(re.findall(r'step\("([a-z_.]+)"\)', path.read_text()))
    for ring in ("batchservices.execute_run", "batchservices.execute_collection"):
        names |= {f"{ring}.before_ring", f"{ring}.rung"}
    return sorted(name for name in names if name.partition(".")[0] not in ELSEWHERE and name not in STARTING)


ELSEWHERE = ("recut", "chosen", "model", "import", "publish", "publishing", "importing")
STARTING = ("run.started", "run.start.committed", "collection.start.committed", "collection.counted",
            "collection.count.before_commit")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="per configuration")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--worlds", default="files,servers")
    said = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else servers and mounts would stay
    seed = random.SystemRandom().randrange(10**6) if said.seed is None else said.seed
    tell(f"SEED={seed}")
    failed = 0
    for name in said.worlds.split(","):
        if name == "servers" and (lacking := private.missing()):
            tell(f"servers: skipped, {'; '.join(lacking)}")
            continue
        failed += went_through(name, seed, range(said.first, said.first + said.rounds))
    return 1 if failed else 0


def went_through(name: str, seed: int, numbers: range) -> int:
    """Goes through the rounds of one configuration; how many of them went wrong."""
    logs = ROOT / "build" / "faults" / name
    shutil.rmtree(logs, ignore_errors=True)
    figures = Figures(name)
    for here in batched(numbers, ON_ONE_WORLD):
        with ExitStack() as stack:
            rounds = Rounds(WORLDS[name](stack), seed, stack, figures, logs / str(here[0]))
            for number in here:
                broken, wrong = rounds.round(number)
                tell(f"{name} {number}: {figures.times[-1]:.1f} s; {', '.join(broken)}")
                for line in wrong:
                    tell(f"    WRONG {line}")
                if wrong:
                    tell(f"    again: make faults SEED={seed} FIRST={number} ROUNDS=1 WORLDS={name}")
    tell(str(figures))
    return figures.wrong


def tell(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

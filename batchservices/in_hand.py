"""The items that a worker has leased: read ahead, asked ahead, their results written, settled chunk by chunk.

The sandbox always has its next images in its pipe, also while a chunk is being settled: it never waits for a storage or
for the database. What is in hand stays so from chunk to chunk; it is a handful of items, whatever the run's size.
"""

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from batchservices import child
from batchservices.answering import Answering
from batchservices.bringing import WRITERS
from batchservices.models import BatchRun, RunItem
from batchservices.queue import RETRIED, Settled
from batchservices.results import write_results
from config.leases import AWAY
from config.refusals import Refused
from config.sandbox import Outcome
from config.steps import step
from datasets.images import sha256

CHUNK_SECONDS = 1.0
"""Of predicting between two transactions: these take milliseconds, and as long for ten images as for fifty."""

READ_AHEAD = 8
ASKED_AHEAD = 3
"""One that the sandbox works on, and two photographs in its pipe."""

WRITTEN_TOGETHER = 16
"""Results for which the disk is waited for once, while the sandbox works on."""

SILENCE_SECONDS = 1.0
"""How long the sandbox is listened to before the database is asked whether the run goes on."""


class InHand:
    """What one worker has leased of a run; use it as a context. Leaving it ends a sandbox that is still at work."""

    def __init__(self, run: BatchRun, answers: Answering) -> None:
        self._run = run
        self._answers = answers
        self._leased: deque[RunItem] = deque()
        self._read: deque[tuple[RunItem, Future[Any] | None]] = deque()
        self._asked: deque[RunItem] = deque()
        self._unwritten: list[tuple[RunItem, dict[str, Any]]] = []
        self._writes: deque[Future[None]] = deque()
        self._questions = child.asking(answers.function)
        self._pool = ThreadPoolExecutor(READ_AHEAD + WRITERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._questions.__exit__(*exception)
        self._pool.shutdown(cancel_futures=True)

    def items(self) -> list[RunItem]:
        """All that is leased and not settled."""
        return [*self._asked, *(item for item, _ in self._read), *self._leased]

    def add(self, leased: Iterable[RunItem]) -> None:
        """Takes more items, which have been leased."""
        self._leased.extend(leased)

    def chunk(self, *, most: int) -> list[Settled]:
        """What has become known within a chunk's time, all results of it written; perhaps nothing.

        Raises:
            Refused: the sandbox cannot be started again, a storage is away, or a result cannot be written.
        """
        end = time.monotonic() + CHUNK_SECONDS
        settled = self._ahead()
        while self._asked and len(settled) < most and time.monotonic() < end:
            outcome = child.take(self._questions, within=SILENCE_SECONDS)
            if outcome is None:
                break
            settled.append(self._answered(self._asked.popleft(), outcome))
            settled += self._ahead()
        self._write()
        while self._writes:
            self._writes.popleft().result()
        return settled

    def _ahead(self) -> list[Settled]:
        """Reads and asks ahead; returns those that need not be asked, or cannot be."""
        settled: list[Settled] = []
        while len(self._asked) < ASKED_AHEAD and (self._leased or self._read):
            self._read_ahead()
            item, reading = self._read.popleft()
            try:
                known = self._asked_or_known(item, reading)
            except Refused as error:
                if error.status == AWAY:
                    raise
                known = Settled(item, error=error)
            if known is not None:
                settled.append(known)
        self._read_ahead()
        return settled

    def _read_ahead(self) -> None:
        while self._leased and len(self._read) < READ_AHEAD:
            item = self._leased.popleft()
            # one whose content is known may have been predicted before: it is read where it was not
            self._read.append((item, None if item.sha256 else self._pool.submit(self._answers.read, item)))

    def _asked_or_known(self, item: RunItem, reading: Future[Any] | None) -> Settled | None:
        """Asks the sandbox about an item, unless the answer is kept."""
        kept = self._answers.kept
        if kept and item.sha256 and (answer := kept(item.sha256)) is not None:
            return self._written(Settled(item, answer=answer, kept=True))
        question = reading.result() if reading else self._answers.read(item)
        if kept and (answer := kept(sha256(question))) is not None:
            return self._written(Settled(item, answer=answer, kept=True))
        self._questions.put(question)
        self._asked.append(item)
        return None

    def _answered(self, item: RunItem, outcome: Outcome) -> Settled:
        step("run.item.predicted")
        if outcome.error is not None:
            return Settled(item, error=outcome.error, again=outcome.error.code in RETRIED)
        return self._written(Settled(item, answer=outcome.value))

    def _written(self, settled: Settled) -> Settled:
        """Has the result written; the chunk waits for it."""
        if settled.answer is not None:
            self._unwritten.append((settled.item, settled.answer["prediction"]))
            if len(self._unwritten) == WRITTEN_TOGETHER:
                self._write()
        return settled

    def _write(self) -> None:
        if self._unwritten:
            self._writes.append(self._pool.submit(write_results, self._run, self._unwritten))
            self._unwritten = []

"""The items of a run as a queue: leased by conditional updates, tried a few times, settled exactly once.

An item that died with its worker twice is leased alone, so that it costs no other item a third try.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from batchservices.limits import has_room
from batchservices.models import BatchRun, ItemStatus, RunItem, RunStatus
from batchservices.predictions import Classification, from_modelarts
from config import statements
from config.leases import (
    AWAY,
    CHUNK_ROWS,
    FURTHER,
    UNHEARD,
    LeaseLost,
    give_up_waiting,
    giving_back,
    renewing,
    waiting_for,
)
from config.refusals import Refused
from config.steps import step
from hardexamples import store

TRIES = 3
"""How often an item is tried whose child died or hung."""

WORKER_TRIES = 5
"""How often an item is leased whose workers die: a worker is killed for reasons of its own, too."""

ALONE_FROM = 2
SHARES = 4
"""A worker leases no more than such a part of what is left, so that all come to the end of a run together."""

LEAST_SHARE = 4
FREE: dict[str, Any] = {"lease_token": "", "lease_expires_at": None}
ROWS_PER_ITEM = 4  # itself and up to three rows of features
RETRIED = frozenset({"image_crashed", "image_timeout", "image_memory"})


@dataclass(frozen=True)
class Settled:
    """What became of a leased item: the answer of `batchservices.inference.predict_image`, or its error, which is
    final unless `again`; `kept` where it was predicted before, and all but the item is there already."""

    item: RunItem
    answer: dict[str, Any] | None = None
    error: Refused | None = None
    again: bool = False
    kept: bool = False


class Worker:
    """One worker's view of a run: its token fences what it writes."""

    most = CHUNK_ROWS // ROWS_PER_ITEM

    def __init__(self, run: BatchRun) -> None:
        self.run = run
        self.token = secrets.token_hex(16)

    def settle_and_lease(
        self, settled: Collection[Settled], *, wanted: int, in_hand: Collection[RunItem] = ()
    ) -> list[RunItem]:
        """One transaction: settles items, and leases up to `wanted` more beside those that stay in hand.

        Items that were stopped or leased by others meanwhile are left to them. Attempts are counted and committed
        here, before anything is tried.

        Raises:
            LeaseLost: the run is not running any more; nothing was written.
        """
        with transaction.atomic():
            done, failed, kept = self._settle(settled)
            more: list[RunItem] = []
            alone = any(item.attempts > ALONE_FROM for item in in_hand)
            if wanted > 0 and not alone and has_room(self.run, self.token):
                more = self._lease(Q(attempts__lt=ALONE_FROM), min(wanted, self.most, self._share()))
                if not more and not in_hand:
                    failed += self._give_up()
                    more = self._lease(Q(), 1)
            self._count(done, failed, kept)
            step("run.chunk.before_commit")
        return more

    def _settle(self, settled: Collection[Settled]) -> tuple[int, int, int]:
        leased = self._mine().filter(pk__in=[each.item.pk for each in settled]).select_for_update()
        mine = set(leased.values_list("pk", flat=True)) if settled else set()
        done, failed = [], 0
        for each in settled:
            if each.item.pk not in mine:
                continue
            if each.answer is not None:
                done.append(each)
            elif each.error is not None and (not each.again or each.item.attempts >= TRIES):
                failed += self._update(each.item, _failed(each.error))
            else:
                self._update(each.item, {"status": ItemStatus.PENDING})
        answers = [_predicted(each.answer or {}) | {"kept": each.kept} | FREE for each in done]
        if answers:
            rows = ([*values.values(), each.item.pk] for each, values in zip(done, answers, strict=True))
            statements.update(RunItem, list(answers[0]), rows)
        new = [each for each in done if not each.kept]
        store.save(record for each in new for record in self._features(each.answer or {}))
        return len(done), failed, len(done) - len(new)

    def _mine(self) -> QuerySet[RunItem]:
        return RunItem.objects.filter(run=self.run, status=ItemStatus.LEASED, lease_token=self.token)

    def _update(self, item: RunItem, values: dict[str, Any]) -> int:
        return self._mine().filter(pk=item.pk).update(**values, **FREE)

    def _features(self, answer: dict[str, Any]) -> Iterable[store.Record]:
        return store.records(
            answer, sha256=answer["sha256"], model=self.run.model_sha256, tensor=self.run.activations_tensor,
            predictor=self.run.predictor,
        )  # fmt: skip

    def _share(self) -> int:
        """How many items may be leased at once."""
        total, done, failed = BatchRun.objects.values_list("total", "done", "failed").get(pk=self.run.pk)
        return max(LEAST_SHARE, (total - done - failed) // SHARES)

    def _free(self) -> Q:
        expired = Q(status=ItemStatus.LEASED, lease_expires_at__lt=timezone.now())
        return Q(run=self.run) & (Q(status=ItemStatus.PENDING) | expired)

    def _lease(self, rows: Q, most: int) -> list[RunItem]:
        found = RunItem.objects.filter(self._free() & rows).select_for_update(skip_locked=True)
        chosen = list(found.order_by("position")[:most])
        leased = {"status": ItemStatus.LEASED, "lease_token": self.token, "lease_expires_at": self._expiry()}
        RunItem.objects.filter(pk__in=[item.pk for item in chosen]).update(**leased, attempts=F("attempts") + 1)
        for item in chosen:
            item.attempts += 1
        return chosen

    def _give_up(self) -> int:
        words = f"The worker died {WORKER_TRIES} times while this image was in work."
        hopeless = RunItem.objects.filter(self._free(), attempts__gte=WORKER_TRIES)
        return hopeless.update(**_failed(Refused("worker_died_repeatedly", words)), **FREE)

    def renewing(self) -> AbstractContextManager[None]:
        """Renews what this worker has leased, in the background: one image may take longer than a lease lasts."""
        return renewing(self._renew, every=settings.LEASE_SECONDS / 6)

    def giving_back(self) -> AbstractContextManager[None]:
        """Gives the items back that this worker has leased where it is stopped; their leasing was no try."""
        return giving_back(self._give_back)

    def _give_back(self) -> None:
        self._leave(**UNHEARD)

    def _leave(self, **changes: Any) -> None:
        with transaction.atomic():
            self._mine().update(status=ItemStatus.PENDING, **FREE, attempts=F("attempts") - 1)
            BatchRun.objects.filter(pk=self.run.pk, status=RunStatus.RUNNING).update(**changes)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """As `config.leases.Lease.waiting`: where a storage or the sandbox is away, nothing that is leased costs a try.

        Raises:
            Refused: as `config.leases.give_up_waiting`, where the workers waited too long without settling anything.
        """
        try:
            yield
        except Refused as error:
            if error.status != AWAY:
                raise
            self._leave(**waiting_for(error))
            give_up_waiting(BatchRun, self.run.pk, error)
            raise

    def _renew(self) -> None:
        self._mine().update(lease_expires_at=self._expiry())

    def _expiry(self) -> datetime:
        return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS / 2)

    def _count(self, done: int, failed: int, kept: int) -> None:
        running = BatchRun.objects.filter(pk=self.run.pk, status=RunStatus.RUNNING)
        changes: dict[str, Any] = {"done": F("done") + done, "failed": F("failed") + failed}
        changes["kept"] = F("kept") + kept
        if done or failed:
            changes |= FURTHER
        if running.update(heartbeat_at=timezone.now(), **changes) != 1:
            raise LeaseLost


def _predicted(answer: dict[str, Any]) -> dict[str, Any]:
    label, confidence = surest(answer["prediction"])
    probabilities = answer["probabilities"]
    return {
        "status": ItemStatus.DONE,
        "sha256": answer["sha256"],
        "width": answer["width"],
        "height": answer["height"],
        "prediction": answer["prediction"],
        "said": None,
        "predicted_label": label,
        "confidence": confidence,
        "probabilities": None if probabilities is None else np.asarray(probabilities, np.float32).tobytes(),
        "error_code": "",
        "error": "",
    }


def _failed(error: Refused) -> dict[str, Any]:
    return {"status": ItemStatus.FAILED, "error_code": error.code, "error": str(error)[:500]}


def surest(prediction: dict[str, Any]) -> tuple[str, float | None]:
    """Label and confidence of what a prediction is surest of; "" and None where a detector found nothing."""
    read = from_modelarts(prediction)
    if isinstance(read, Classification):
        return read.label, dict(read.scores).get(read.label)
    if not read.labels:
        return "", None
    best = max(range(len(read.labels)), key=lambda index: read.confidences[index])
    return read.labels[best], read.confidences[best]

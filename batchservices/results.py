"""What a run leaves at its output location, in ModelArts' form, and how it ends."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from batchservices.collection import begin_filtering
from batchservices.models import (
    RUN_MOVES,
    BatchRun,
    ItemStatus,
    RunItem,
    RunStatus,
)
from batchservices.predictions import manifest_line, manifest_name, result_name
from config.leases import Lease
from config.lifecycle import move_one
from config.steps import step
from datasets import locations
from datasets.formats.jsonlines import dumps
from datasets.locations import Location


def write_result(run: BatchRun, item: RunItem, prediction: dict[str, Any]) -> None:
    """Writes `infer-result/<name>_result.txt`; again replaces it by the same."""
    locations.write(_result(run, item), dumps(prediction))


def _result(run: BatchRun, item: RunItem) -> Location:
    return locations.parse(run.output_location).join(result_name(item.name))


def conclude(lease: Lease) -> None:
    """Writes the result manifest, ends the run, and hands over to the filter where that was frozen.

    Raises:
        LeaseLost: it was stopped, or somebody else concludes it.
        Refused: the manifest cannot be written.
    """
    run = BatchRun.objects.select_related("service").get(pk=lease.pk)
    manifest = locations.parse(run.output_location).join(manifest_name(run.pk))
    with lease.renewing():
        locations.write(manifest, b"".join(_manifest_lines(run)))
    step("run.manifest.written")
    with transaction.atomic():
        lease.hold(changes={"manifest": str(manifest), "finished_at": timezone.now(), **_words(run)})
        move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=_status(run))
        lease.release()
        if run.filtering and run.done:
            begin_filtering(run)
        step("run.conclude.before_commit")
    step("run.concluded")


def _manifest_lines(run: BatchRun) -> Iterator[bytes]:
    for item in run.items.defer("probabilities", "prediction").order_by("position").iterator(chunk_size=2000):
        source = item.location or item.name
        if item.status == ItemStatus.DONE:
            line = manifest_line(source=source, location=str(_result(run, item)))
        else:
            line = manifest_line(source=source, error=item.error)
        yield dumps(line) + b"\n"


def _status(run: BatchRun) -> RunStatus:
    if not run.done:
        return RunStatus.FAILED
    return RunStatus.ALARM if run.failed else RunStatus.FINISHED


def _words(run: BatchRun) -> dict[str, str]:
    if not run.failed:
        return {}
    first = run.items.filter(status=ItemStatus.FAILED).order_by("position").first()
    words = f"{run.failed:,} of {run.total:,} inputs could not be predicted."
    if first is not None:
        words += f" The first: {first.name}: {first.error}"
    return {"error_code": "no_predictions" if not run.done else "some_failed", "error": words}

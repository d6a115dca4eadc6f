"""What a run leaves at its output location, in ModelArts' form, and how it ends."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from django.db import transaction
from django.utils import timezone

from batchservices import output
from batchservices.collection import begin_filtering
from batchservices.models import RUN_MOVES, BatchRun, ItemStatus, RunItem, RunStatus
from batchservices.predictions import manifest_line, manifest_name, result_name
from config.leases import Lease
from config.lifecycle import move_one
from config.steps import step
from datasets import locations
from datasets.formats.jsonlines import dumps
from datasets.locations import Location


def write_results(run: BatchRun, predicted: Sequence[tuple[RunItem, dict[str, Any]]]) -> None:
    """Writes `infer-result/<name>_result.txt` of each item and its prediction; again replaces it by the same."""
    locations.write_all({_result(run, item): dumps(prediction) for item, prediction in predicted})


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
    with lease.renewing(), tempfile.TemporaryFile() as file:
        file.writelines(_manifest_lines(run))
        file.seek(0)
        locations.write(manifest, cast(BinaryIO, file))
    step("run.manifest.written")
    with transaction.atomic():
        dataset = output.dataset_of(run)
        homeless = run.filtering and bool(run.done) and dataset is None
        words = _words(run, homeless=homeless)
        lease.hold(changes={"manifest": str(manifest), "finished_at": timezone.now(), **words})
        move_one(BatchRun.objects.filter(pk=run.pk), moves=RUN_MOVES, to=_status(run, homeless=homeless))
        lease.release()
        if dataset is not None and run.done:
            begin_filtering(run, dataset, run.filter_settings or {}, by=run.started_by)
        output.lift(run)
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


def _status(run: BatchRun, *, homeless: bool) -> RunStatus:
    if not run.done:
        return RunStatus.FAILED
    return RunStatus.ALARM if run.failed or homeless else RunStatus.FINISHED


def _words(run: BatchRun, *, homeless: bool) -> dict[str, str]:
    if homeless:
        words = (
            "The inputs were not filtered: the dataset for the hard examples was deleted. Choose another; run it again."
        )
        return {"error_code": "no_dataset", "error": words}
    if not run.failed:
        return {"error_code": "", "error": ""}
    first = run.items.filter(status=ItemStatus.FAILED).order_by("position").first()
    words = f"{run.failed:,} of {run.total:,} inputs could not be predicted."
    if first is not None:
        words += f" The first: {first.name}: {first.error}"
    return {"error_code": "no_predictions" if not run.done else "some_failed", "error": words}

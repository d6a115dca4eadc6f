"""What a predictor has said already: kept, so that a run infers only what is new or changed.

A predictor is a model file with its profile; what it says depends on an image's bytes alone. Two ways lead to what it
said before. An input that is listed as an earlier run listed it, at the same place with the same etag, is kept without
reading it, where the storage's etags are to be relied on. Any other is read, and known by its content address, wherever
it was seen: under another name, in another folder, by another service.

An answer is kept whole or not at all: prediction, features, activations.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from batchservices.models import ACTIVE_RUN, BatchRun, ItemStatus, RunItem
from batchservices.predictions import RESULT_FOLDER, classification_json, detection_json, result_name
from config.leases import CHUNK_ROWS
from datasets import locations
from datasets.formats.jsonlines import dumps
from datasets.locations import Entry
from datasets.models import Task
from hardexamples import store
from hardexamples.features import size_of

MOST_RUNS = 3
"""Earlier runs that a list is compared with: the last may have been stopped halfway."""

SAID = ("sha256", "width", "height", "predicted_label", "confidence", "prediction", "probabilities")


def wanted_of(run: BatchRun) -> list[tuple[str, int]]:
    """All that inference leaves of an image, as `hardexamples.store` names it."""
    return store.extractors(
        model=run.model_sha256,
        tensor=run.activations_tensor,
        predictor=run.predictor,
        classifies=run.profile["task"] == Task.IMAGE_CLASSIFICATION,
    )


def has_spoken(run: BatchRun) -> bool:
    """Whether the run's predictor has predicted anything before."""
    return BatchRun.objects.filter(predictor=run.predictor, done__gt=0).exclude(pk=run.pk).exists()


def kept(run: BatchRun, sha256: str) -> dict[str, Any] | None:
    """What the run's predictor said about the image with that content address, as
    `batchservices.inference.predict_image` has it, without the numbers that are kept already; None where that is not
    known, or not in whole."""
    rows = store.measured(sha256, wanted_of(run))
    if rows is None or rows[0].statistics is None or rows[-1].statistics is None:
        return None
    width, height = size_of(rows[0].statistics)
    names = run.profile["class_names"]
    answer: dict[str, Any] = {"sha256": sha256, "width": width, "height": height, "probabilities": None}
    if run.profile["task"] == Task.IMAGE_CLASSIFICATION:
        probabilities = rows[-1].statistics
        return answer | {"probabilities": probabilities, "prediction": classification_json(probabilities, names)}
    table = rows[-1].statistics.reshape(-1, store.DETECTION_COLUMNS)
    labels = [names[int(number)] for number in table[:, 4]]
    return answer | {"prediction": detection_json(table[:, :4], labels, table[:, 5])}


class Earlier:
    """What earlier runs said about the inputs of a new one, found while its list is made.

    Lists are in the order of names, so that they are read side by side, a block of each at a time.

    Args:
        run: the new one.
    """

    def __init__(self, run: BatchRun) -> None:
        self.run = run
        before = BatchRun.objects.filter(predictor=run.predictor, input_location=run.input_location, done__gt=0)
        found = before.exclude(pk=run.pk).exclude(status__in=ACTIVE_RUN).order_by("-pk")
        self.runs = [] if run.again or run.results_location else list(found[:MOST_RUNS])
        self._lists = [_Items(each) for each in self.runs]
        self._results = _Results(run, self.runs)
        self._relied_on: dict[str, bool] = {}

    def keep(self, items: Sequence[RunItem]) -> None:
        """Marks those of the next inputs of the list that were predicted before, in place. One whose result stands at
        the output location is done; of another the content address is known, and a worker writes its result again."""
        for item in items:
            if item.etag and item.status == ItemStatus.PENDING and self._relies_on(item.location):
                said = next(filter(None, (each.find(item) for each in self._lists)), None)
                for name, value in (said or {}).items():
                    setattr(item, name, value)
        found = [item for item in items if item.sha256]
        absent = store.missing([item.sha256 for item in found], wanted_of(self.run)) if found else set()
        for item in found:
            if item.sha256 in absent:
                item.sha256 = ""
            elif self._results.has(item):
                item.status, item.kept = ItemStatus.DONE, True
                continue
            item.width = item.height = item.confidence = item.prediction = item.probabilities = None
            item.predicted_label = ""

    def _relies_on(self, location: str) -> bool:
        alias = location.partition(":")[0]
        if alias not in self._relied_on:
            self._relied_on[alias] = locations.etags_tell(locations.parse(location))
        return self._relied_on[alias]


class _Items:
    """The predicted inputs of one earlier run, asked about in their order."""

    def __init__(self, run: BatchRun) -> None:
        rows = RunItem.objects.filter(run=run, status=ItemStatus.DONE).exclude(etag="")
        self._rows = _by_position(rows)
        self._next = next(self._rows, None)

    def find(self, item: RunItem) -> dict[str, Any] | None:
        while self._next is not None and self._next["location"] < item.location:
            self._next = next(self._rows, None)
        found = self._next
        if found is None or (found["location"], found["etag"]) != (item.location, item.etag):
            return None
        return {name: found[name] for name in SAID}


def _by_position(rows: Any) -> Iterator[dict[str, Any]]:
    last = -1
    while block := list(rows.filter(position__gt=last).order_by("position").values(
        "position", "location", "etag", *SAID
    )[:CHUNK_ROWS]):  # fmt: skip
        yield from block
        last = block[-1]["position"]


class _Results:
    """The result files at the output location, asked about in the order of their names. Where anything else may have
    written there since, none is relied on."""

    def __init__(self, run: BatchRun, earlier: Sequence[BatchRun]) -> None:
        self._entries: Iterator[Entry] = iter(())
        place = run.output_location.removesuffix("/")
        if earlier and all(each.output_location.removesuffix("/") == place for each in earlier):
            since = BatchRun.objects.filter(output_location__in=(place, f"{place}/"), pk__gt=earlier[-1].pk)
            if not since.exclude(predictor=run.predictor, input_location=run.input_location).exists():
                self._entries = locations.list_files(locations.parse(place).join(RESULT_FOLDER))
        self._next = next(self._entries, None)

    def has(self, item: RunItem) -> bool:
        """Whether the result of an item stands there, as long as it must be."""
        name = result_name(item.name).removeprefix(f"{RESULT_FOLDER}/")
        while self._next is not None and self._next.name < name:
            self._next = next(self._entries, None)
        found = self._next
        return found is not None and found.name == name and found.size == len(dumps(item.prediction))

"""What a reviewer decides on the pages, read from a POST and handed to the verbs of `datasets.review`."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from config.refusals import Refused
from datasets import bulk_review, review, transfer
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, Label, Sample

SELECTION_LIMIT = 500
PERMISSIONS = {
    "confirm": "datasets.confirm_sample",
    "reject": "datasets.confirm_sample",
    "confirm_hard_example": "datasets.mark_hard_sample",
    "unmark": "datasets.mark_hard_sample",
    "add_to_dataset": "datasets.add_to_dataset",
}


@dataclass(frozen=True)
class Report:
    """What came of a decision about a selection: how much was done, and in words what was passed over."""

    done: str
    passed_over: tuple[str, ...] = ()


def verb_of(posted: QueryDict, by: User) -> str:
    """The verb of a POST; a label alone means confirm.

    Raises:
        PermissionDenied: the reviewer may not do that.
        Refused: unknown_verb.
    """
    verb = posted.get("verb") or ("confirm" if posted.getlist("label") else "")
    if verb not in PERMISSIONS:
        raise Refused("unknown_verb", "Choose what to do with the samples.", field="verb")
    if not by.has_perm(PERMISSIONS[verb]):
        raise PermissionDenied
    return verb


def labels_of(posted: QueryDict, dataset: Dataset) -> list[Label]:
    """The chosen labels.

    Raises:
        Refused: unknown_label, where one is not of the dataset.
    """
    wanted = [_number(text) for text in posted.getlist("label") if text]
    labels = dataset.labels.in_bulk(wanted)
    if len(labels) != len(set(wanted)):
        raise Refused("unknown_label", "A label that you chose is not in this dataset any more.", field="label")
    return [labels[pk] for pk in dict.fromkeys(wanted)]


def claims_of(labels: Sequence[Label]) -> list[Claim] | None:
    """The labels as a person's claims about a whole image; None, what stands, where no label is chosen."""
    return [Claim(label=label.name, by=Annotation.By.HUMAN) for label in labels] or None


def decide_one(
    *, sample: Sample, verb: str, version: int | None, claims: Sequence[Claim] | None, by: User, batch: str = ""
) -> None:
    """One verb on one sample, as the reviewer saw it. Raises what the verb raises."""
    if verb == "confirm":
        review.confirm(sample_id=sample.pk, by=by, version=version, claims=claims, batch=batch)
    elif verb == "reject":
        review.reject(sample_id=sample.pk, by=by, version=version, batch=batch)
    elif verb == "confirm_hard_example":
        bulk_review.mark_hard(samples=[sample.pk], by=by)
    else:
        bulk_review.unmark_hard(samples=[sample.pk], by=by)


def decide_many(posted: QueryDict, *, dataset: Dataset, by: User) -> Report:
    """A verb on a selection of the grid: "id:version id:version ...".

    Raises:
        PermissionDenied: the reviewer may not do that.
        Refused: what is asked for makes no sense; what single samples do not allow is in the report instead.
    """
    verb = verb_of(posted, by)
    versions = _selection(posted.get("samples", ""))
    samples = dataset.samples.filter(pk__in=versions)
    if verb == "add_to_dataset":
        target = Dataset.objects.filter(pk=_number(posted.get("target", ""))).first()
        if target is None:
            raise Refused("unknown_dataset", "Choose the dataset to add to.", field="target")
        return transferred(transfer.add_to_dataset(samples=samples, target=target, by=by), target)
    if verb in ("confirm_hard_example", "unmark"):
        act = bulk_review.mark_hard if verb == "confirm_hard_example" else bulk_review.unmark_hard
        changed = act(samples=samples, by=by)
        words = "confirmed as hard examples" if verb == "confirm_hard_example" else "unmarked"
        already = "are so already" if verb == "confirm_hard_example" else "were not hard"
        passed_over = (f"{changed.passed_over} {already}.",) if changed.passed_over else ()
        return Report(f"{changed.changed} {words}.", passed_over)
    claims = claims_of(labels_of(posted, dataset)) if verb == "confirm" else None
    return _one_by_one(
        list(samples),
        lambda sample, batch: decide_one(
            sample=sample, verb=verb, version=versions[sample.pk], claims=claims, by=by, batch=batch
        ),
        "Labeled" if verb == "confirm" else "rejected",
    )


def transferred(result: transfer.Transferred, target: Dataset) -> Report:
    """Add to dataset in words."""
    passed_over = []
    if result.already_there:
        passed_over.append(f"{result.already_there} are in it already.")
    if result.passed_over:
        passed_over.append(f"{result.passed_over} are not Labeled yet; confirm their labels first.")
    return Report(f"{result.added + result.updated} added to {target}.", tuple(passed_over))


def _one_by_one(samples: Sequence[Sample], act: Callable[[Sample, str], None], words: str) -> Report:
    batch = secrets.token_hex(16)
    done, problems = 0, []
    for sample in samples:
        try:
            act(sample, batch)
        except Refused as refused:
            problems.append(refused.message)
        else:
            done += 1
    shown = problems[:3]
    if len(problems) > len(shown):
        shown.append(f"{len(problems) - len(shown)} more were passed over.")
    return Report(f"{done} {words}.", tuple(shown))


def _selection(text: str) -> dict[int, int]:
    pairs = [entry.partition(":") for entry in text.split()]
    if not pairs:
        raise Refused("nothing_selected", "Select images first.", field="samples")
    if len(pairs) > SELECTION_LIMIT:
        raise Refused("too_many_selected", f"Select at most {SELECTION_LIMIT} images at once.", field="samples")
    return {_number(identity): _number(version) for identity, _, version in pairs}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused("bad_value", "The page sent something that is not a number. Reload it.", field="samples")
    return int(text)

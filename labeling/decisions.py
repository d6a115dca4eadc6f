"""What a reviewer decides about one sample, read from a POST and handed to the verbs of `datasets.review`."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from config.refusals import Refused
from datasets import bulk_review, review
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, Label, Sample

PERMISSIONS = {
    "confirm": "datasets.confirm_sample",
    "reject": "datasets.confirm_sample",
    "confirm_hard_example": "datasets.mark_hard_sample",
    "unmark": "datasets.mark_hard_sample",
}


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
    wanted = [number(text) for text in posted.getlist("label") if text]
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


def number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused("bad_value", "The page sent something that is not a number. Reload it.", field="samples")
    return int(text)

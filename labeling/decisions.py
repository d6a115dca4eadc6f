"""What a reviewer decides about one sample, read from a POST and handed to the verbs of `datasets.review`."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from config.refusals import Refused
from datasets import bulk_review, review
from datasets.comparison import SAME_PIXEL
from datasets.intake import Claim
from datasets.models import Annotation, Dataset, Label, ReviewEvent, Sample

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
    *,
    sample: Sample,
    verb: str,
    version: int | None,
    claims: Sequence[Claim] | None,
    by: User,
    within: float = SAME_PIXEL,
    batch: str = "",
) -> None:
    """One verb on one sample, as the reviewer saw it; once, where it names its batch.

    Raises:
        Refused: what the verb refuses; "stale" (412) where somebody has changed the sample since.
    """
    if verb == "confirm":
        review.confirm(sample_id=sample.pk, by=by, version=version, claims=claims, within=within, batch=batch)
    elif verb == "reject":
        review.reject(sample_id=sample.pk, by=by, version=version, batch=batch)
    else:
        _set_hardness(sample, verb, version, by, batch)


def _set_hardness(sample: Sample, verb: str, version: int | None, by: User, batch: str) -> None:
    if batch and ReviewEvent.objects.filter(batch=batch, sample=sample, by=by).exists():
        return
    act = bulk_review.mark_hard if verb == "confirm_hard_example" else bulk_review.unmark_hard
    if act(samples=[sample.pk] if version is None else {sample.pk: version}, by=by, batch=batch).overtaken:
        raise Refused("stale", f"{sample.name}: it was changed meanwhile. Nothing was saved.", status=412)


def number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused("bad_value", "The page sent something that is not a number. Reload it.", field="samples")
    return int(text)

"""Holds: words on a dataset that say who fills it or needs it, and how far that is."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from config.refusals import Refused
from datasets.models import Dataset, Hold


def place(
    *,
    dataset: Dataset,
    key: str,
    kind: str,
    words: str,
    link: str = "",
    exclusive: bool = False,
    total: int | None = None,
    expires_at: datetime | None = None,
) -> Hold:
    """Places a hold, or renews the one of the same key.

    Args:
        key: names the work, "run-12"; unique in the dataset.
        kind: what sort of work it is, for programs: "run", "import", "publishing".
        words: one sentence for people.
        link: a path of the site where the work can be seen.
        exclusive: no other exclusive hold may stand on the dataset.
        total: how much there is to do, once known.
        expires_at: after that it holds nothing any more; None holds until it is lifted.

    Raises:
        Refused: dataset_busy (409) with the words of the exclusive hold that stands there.
    """
    values = {
        "kind": kind,
        "words": words,
        "link": link,
        "exclusive": exclusive,
        "total": total,
        "expires_at": expires_at,
    }
    with transaction.atomic():
        if exclusive:
            Hold.objects.filter(dataset=dataset, exclusive=True, expires_at__lt=timezone.now()).delete()
        try:
            with transaction.atomic():
                return Hold.objects.update_or_create(dataset=dataset, key=key, defaults=values)[0]
        except IntegrityError:
            other = Hold.objects.filter(dataset=dataset, exclusive=True).exclude(key=key).first()
            words = other.words if other else "Something else works on it."
            raise Refused("dataset_busy", f"{dataset.name} is busy: {words}", status=409) from None


def progress(*, dataset: Dataset, key: str, done: int, total: int | None = None) -> None:
    """Says how far the work of a hold is; nothing happens where the hold was lifted."""
    values = {"done": done} if total is None else {"done": done, "total": total}
    Hold.objects.filter(dataset=dataset, key=key).update(**values)


def lift(*, dataset: Dataset, key: str) -> None:
    """Takes a hold away; nothing happens where there is none."""
    Hold.objects.filter(dataset=dataset, key=key).delete()


def standing(dataset: Dataset) -> list[Hold]:
    """The holds that stand now."""
    return list(Hold.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), dataset=dataset))

"""Labels of the training set that are probably wrong, listed for whoever keeps that set."""

from collections.abc import Callable, Sequence

from django.db import transaction

from config.leases import CHUNK_ROWS, breathe
from config.steps import step
from hardexamples import label_errors
from hardexamples.models import Mining, SuspectLabel
from hardexamples.reference import Found

NAME_LENGTH, LABEL_LENGTH = 1200, 200


def keep(
    found_wrong: Sequence[label_errors.SuspectLabel],
    *,
    mining: Mining,
    found: Found | None,
    hold: Callable[[bool], None],
) -> None:
    """Keeps the suspects of a mining, the surest first; again does the same.

    Args:
        found_wrong: as `Filter.suspect_labels_`, about the images of `found`.
        mining: whose training set it is.
        found: the training set; None has no suspects.
        hold: called first in each transaction, with whether the work got further; raises to end the work.
    """
    rows = [_row(each, position, mining, found) for position, each in enumerate(found_wrong)] if found else []
    for start in range(0, max(1, len(rows)), CHUNK_ROWS):
        with transaction.atomic():
            hold(False)
            mining.suspects.filter(position__gte=len(rows)).delete()  # an earlier worker saw other images
            SuspectLabel.objects.bulk_create(
                rows[start : start + CHUNK_ROWS],
                update_conflicts=True,
                unique_fields=["mining", "position"],
                update_fields=["name", "sha256", "given", "likelier", "confidence"],
            )
            step("mining.suspects.before_commit")
        step("mining.suspects.committed")
        breathe()


def _row(each: label_errors.SuspectLabel, position: int, mining: Mining, found: Found) -> SuspectLabel:
    labels = found.reference.class_names
    return SuspectLabel(
        mining=mining,
        position=position,
        name=found.reference.names[each.index][:NAME_LENGTH],
        sha256=found.sha256s[each.index],
        given=labels[each.given][:LABEL_LENGTH],
        likelier=labels[each.likelier][:LABEL_LENGTH],
        confidence=each.confidence,
    )

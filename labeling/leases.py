"""Review leases: two reviewers who ask for the next sample get two samples.

Who opens a sample holds it for a short time, renewed by what they do; *next* passes over what others hold. A lease
keeps nobody from saving: the version of the sample decides about that. An expired lease is as good as none.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from datasets.models import Sample
from labeling.models import ReviewLease

SECONDS = 120
"""How long a reviewer may do nothing before a sample is free again."""

CANDIDATES = 20
MORE = 10


def take(*, sample: Sample, by: User) -> User | None:
    """Opens a sample for a person, or renews their lease.

    Returns:
        Who else holds it, and goes on holding it; None where it is theirs now.
    """
    now = timezone.now()
    expires_at = now + timedelta(seconds=SECONDS)
    with transaction.atomic():
        made, is_new = ReviewLease.objects.select_related("reviewer").get_or_create(
            sample=sample, defaults={"reviewer": by, "expires_at": expires_at}
        )
        if is_new:
            return None
        open_to_them = ReviewLease.objects.filter(Q(reviewer=by) | Q(expires_at__lte=now), pk=made.pk)
        return None if open_to_them.update(reviewer=by, expires_at=expires_at) else made.reviewer


def next_sample(*, queue: QuerySet[Sample], by: User) -> Sample | None:
    """The first sample of an ordered queue that nobody else holds, leased to a person.

    Args:
        queue: what is to be reviewed, in its order.
    """
    for sample in _free(queue, by):
        if take(sample=sample, by=by) is None:
            # between the look and the lease another may have decided it and let it go
            if still := queue.filter(pk=sample.pk).first():
                return still
            release(sample_id=sample.pk, by=by)
    return None


def release(*, sample_id: int, by: User) -> None:
    """Gives a sample back before the time."""
    ReviewLease.objects.filter(sample=sample_id, reviewer=by).delete()


def _free(queue: QuerySet[Sample], by: User) -> Iterator[Sample]:
    """Candidates, a few at a time: under many reviewers the first ones are taken between the look and the lease."""
    for _ in range(MORE):
        others = ReviewLease.objects.filter(sample=OuterRef("pk"), expires_at__gt=timezone.now()).exclude(reviewer=by)
        found = list(queue.filter(~Exists(others))[:CANDIDATES])
        yield from found
        if len(found) < CANDIDATES:
            return

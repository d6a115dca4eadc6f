"""Deletes samples. Their bytes stay by content address, since published versions name them; so does the history."""

import secrets
from collections import Counter
from itertools import batched

from django.contrib.auth.models import User
from django.db import transaction

from config.leases import breathe
from config.refusals import Refused
from datasets import counters, history, locations
from datasets.bulk_review import Changed, Samples, ordered
from datasets.models import Annotation, Outcome, ReviewEvent, Sample, SampleName, Verb

CHUNK_SAMPLES = 100  # each takes some ten rows with it


def delete_samples(*, samples: Samples, by: User, with_sources: bool = False, batch: str = "") -> Changed:
    """Deletes samples with all that is said about them; the events stay, under the sample's name.

    Args:
        samples: which ones.
        with_sources: also the files that they came from, where they stand in a location that can be written to. They
            go first: who is interrupted deletes the rest when asked again.
        batch: joins the events; made where it is empty.

    Raises:
        Refused: location_read_only where a source cannot be deleted; storage_unavailable (503). What was deleted before
            stays deleted.
    """
    batch = batch or secrets.token_hex(16)
    versions = dict(samples) if isinstance(samples, dict) else {}
    seen = changed = overtaken = 0
    for ids in batched(ordered(samples), CHUNK_SAMPLES):
        with transaction.atomic():
            there = list(Sample.objects.select_for_update().filter(pk__in=ids).order_by("id"))
            seen_as = [sample for sample in there if versions.get(sample.pk, sample.version) == sample.version]
            if with_sources:
                _delete_sources(seen_as)
            _delete(seen_as, by, batch)
        seen += len(ids)
        changed += len(seen_as)
        overtaken += len(there) - len(seen_as)
        breathe()
    return Changed(changed, seen - changed - overtaken, batch, overtaken)


def _delete(samples: list[Sample], by: User, batch: str) -> None:
    ids = [sample.pk for sample in samples]
    claims = history.claims_of(ids)
    deltas: dict[int, Counter[counters.Kind]] = {}
    events = []
    for sample in samples:
        values = {name: getattr(sample, name) for name in history.COLUMNS if name != "confirmed_by"}
        before = history.state(values | {"confirmed_by": sample.confirmed_by_id}, claims.get(sample.pk, []))
        events.append(
            ReviewEvent(
                dataset_id=sample.dataset_id,
                sample_name=sample.name,
                by=by,
                verb=Verb.DELETE,
                outcome=Outcome.DISCARDED,
                before=before,
                after={},
                batch=batch,
            )
        )
        deltas.setdefault(sample.dataset_id, Counter())[sample.status, sample.hard] -= 1
    Annotation.objects.filter(sample__in=ids).delete()
    Sample.objects.filter(pk__in=ids).delete()
    ReviewEvent.objects.bulk_create(events)
    for dataset_id, moved in sorted(deltas.items()):
        counters.shift(dataset_id=dataset_id, deltas=moved)


def _delete_sources(samples: list[Sample]) -> None:
    names = SampleName.objects.filter(sample__in=samples).values_list("source", flat=True)
    for source in sorted({sample.source for sample in samples} | set(names)):
        try:
            location = locations.parse(source)
        except Refused:
            continue  # a manifest's own words about where the image once was: no file of ours
        if location.alias != "datasets":  # bytes that versions name
            locations.delete(location)

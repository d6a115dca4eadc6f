"""A sample as its history keeps it: enough to say what changed, and to bring it back.

    {"status", "hard", "hard_set_by", "confirmed_at", "confirmed_by", "claims": [
        {"label", "box", "by", "annotated_by", "confidence", "hard", "hard_coefficient", "reasons"}]}

`confirmed_by` and `reasons` are ids, `confirmed_at` is ISO 8601. Events that were written before a key existed lack it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User

from config.statements import WrittenJSON
from datasets.models import Annotation, HardReason, Sample
from datasets.picking import of

type State = dict[str, Any]

COLUMNS = ("status", "hard", "hard_set_by", "confirmed_at", "confirmed_by")


def state(values: Mapping[str, Any], claims: Sequence[Mapping[str, Any]]) -> State:
    """A state from columns of a sample (what is missing is left out) and its claims."""
    return {name: _plain(values[name]) for name in COLUMNS if name in values} | {"claims": list(claims)}


def written(values: Mapping[str, Any], claims: str) -> WrittenJSON:
    """The JSON of `state`, from claims that are JSON already: what else is said, many samples have in common."""
    return WrittenJSON(f'{_head(*[values[name] for name in COLUMNS])}, "claims": {claims}}}')


@lru_cache(maxsize=256)
def _head(*values: Any) -> str:
    return json.dumps({name: _plain(value) for name, value in zip(COLUMNS, values, strict=True)})[:-1]


def state_of(sample: Sample) -> State:
    """The state of one sample, as it stands in memory, with its annotations as they stand in the database."""
    values = {name: getattr(sample, name) for name in COLUMNS if name != "confirmed_by"}
    claims = claims_of([sample.pk]).get(sample.pk, [])
    return state(values | {"confirmed_by": sample.confirmed_by_id}, claims)


def claims_of(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The annotations of many samples, by sample; a sample without any is left out."""
    reasons = defaultdict(list)
    named = HardReason.objects.filter(sample__in=of(ids), annotation__isnull=False).order_by("id")
    for pk, annotation in named.values_list("pk", "annotation"):
        reasons[annotation].append(pk)
    claims: dict[int, list[dict[str, Any]]] = {}
    annotations = Annotation.objects.filter(sample__in=of(ids)).order_by("id")
    said = ("label__name", "origin", "annotated_by", "confidence", "hard", "hard_coefficient")
    for pk, sample, label, by, annotated_by, confidence, hard, hard_coefficient, *box in annotations.values_list(
        "pk", "sample", *said, "xmin", "ymin", "xmax", "ymax"
    ):
        claims.setdefault(sample, []).append(
            {
                "label": label,
                "box": None if box[0] is None else box,
                "by": by,
                "annotated_by": annotated_by,
                "confidence": confidence,
                "hard": hard,
                "hard_coefficient": hard_coefficient,
                "reasons": reasons.get(pk, []),
            }
        )
    return claims


def same(one: State, other: State) -> bool:
    """Whether two states say the same to people: status, hardness, labels and boxes."""
    return _told(one) == _told(other)


def _told(said: State) -> tuple[Any, ...]:
    claims = sorted((claim["label"], claim["box"] or []) for claim in said["claims"])
    return said["status"], said["hard"], claims


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.pk if isinstance(value, User) else value

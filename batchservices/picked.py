"""The images that a filter picked, as they come into the dataset: with what the model says, and why they are hard."""

from collections.abc import Iterator
from functools import partial

from batchservices.bringing import Candidate
from batchservices.models import BatchRun, CollectionTask, RunItem
from batchservices.predictions import Detection, from_modelarts
from config.refusals import Refused
from datasets.intake import Claim, Incoming, Reason, Words
from datasets.models import HardSetBy, Origin, Status
from datasets.preparation import Prepared
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import MiningItem

BLOCK = 500


def candidates_of_mining(task: CollectionTask) -> Iterator[Candidate]:
    """What the filter flagged, and its blind controls, in the order of the run, from the cursor on."""
    run = task.run
    assert run is not None  # noqa: S101  a constraint of the table
    assert task.mining is not None  # noqa: S101  importing begins after mining
    picked = task.mining.items.filter(flagged=True) | task.mining.items.filter(control=True)
    positions = list(picked.order_by("position").values_list("position", flat=True))[task.cursor :]
    for start in range(0, len(positions), BLOCK):
        block = positions[start : start + BLOCK]
        mined = {row.position: row for row in task.mining.items.filter(position__in=block)}
        items = {item.position: item for item in RunItem.objects.filter(run=run, position__in=block)}
        for position in block:
            item = items[position]
            incoming = partial(incoming_of, task, run, item, mined[position])
            yield Candidate(item.name, item.location, item.sha256, incoming)


def incoming_of(task: CollectionTask, run: BatchRun, item: RunItem, mined: MiningItem, prepared: Prepared) -> Incoming:
    """A flagged image with its reasons; a control as any other, so that nothing tells people which it is."""
    return Incoming(
        prepared=prepared,
        name=item.name.rpartition("/")[2],
        source=item.location,
        origin=Origin.FILTER,
        status=Status.TO_BE_CONFIRMED,
        claims=_claims(task, run, item, mined),
        prediction=Words(
            predictor=run.predictor,
            model_name=str(run.model),
            predicted_label=item.predicted_label,
            confidence=item.confidence,
            output=item.prediction or {},
        ),
        hard=mined.flagged,
        hard_coefficient=mined.coefficient,
        hard_set_by=HardSetBy.RULES if mined.flagged else "",
        reasons=tuple(Reason(**reason) for reason in mined.reasons) if mined.flagged else (),
        control=mined.control,
        stack=mined.stack,
    )


def _claims(task: CollectionTask, run: BatchRun, item: RunItem, mined: MiningItem) -> tuple[Claim, ...]:
    """What the model says. A box is hard that a reason names, or whose own hardness reaches the threshold."""
    prediction = from_modelarts(item.prediction)
    by = str(run.model)
    if isinstance(prediction, Detection):
        assert task.mining is not None  # noqa: S101  importing begins after mining
        least = FilterSettings.from_dict(task.mining.settings).threshold
        named = {reason["claim"] for reason in mined.reasons}
        # a mining of an earlier version kept no hardness of its boxes
        hardness = dict(enumerate(mined.box_coefficients)) or dict.fromkeys(named - {None}, mined.coefficient)
        found = zip(prediction.labels, prediction.boxes, prediction.confidences, strict=True)
        return tuple(
            Claim(
                _label(task, name),
                box=box,
                confidence=sure,
                annotated_by=by,
                hard=mined.flagged and (number in named or hardness.get(number, 0.0) >= least),
                hard_coefficient=hardness.get(number, 0.0),
            )
            for number, (name, box, sure) in enumerate(found)
        )
    return (Claim(_label(task, item.predicted_label), confidence=item.confidence, annotated_by=by),)


def _label(task: CollectionTask, name: str) -> str:
    try:
        return task.label_mapping[name]
    except KeyError:
        raise Refused("unmapped_class", f"The class {name} is mapped to no label.", field="label_mapping") from None

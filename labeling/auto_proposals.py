"""What an auto labeling task has staged, as proposals for its samples."""

from collections.abc import Iterator

from batchservices.predictions import Detection, from_modelarts
from datasets.intake import Claim, Reason, Words
from datasets.proposing import Proposal
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import MiningItem
from labeling.models import AutoLabelingItem, AutoLabelingTask

BLOCK = 500


def model_name_of(task: AutoLabelingTask) -> str:
    """Who predicts, for people."""
    if task.kind == AutoLabelingTask.Kind.PRE_LABELING:
        return task.model_name
    return f"Active learning, {task.algorithm} ({task.learned.get('classifier', '')})"


def proposals_of(task: AutoLabelingTask) -> list[Proposal]:
    """All that is staged and mined, in the order of the items."""
    return list(_proposals(task))


def _proposals(task: AutoLabelingTask) -> Iterator[Proposal]:
    least = FilterSettings.from_dict(task.filter_settings).threshold
    assert task.mining is not None  # noqa: S101  results come after mining
    mined = {row.position: row for row in task.mining.items.iterator(chunk_size=BLOCK)}
    rows = AutoLabelingItem.objects.filter(task=task, prediction__isnull=False).select_related("sample__blob")
    for item in rows.order_by("position").iterator(chunk_size=BLOCK):
        found = mined.get(item.position)
        if found is None:
            continue
        blob = item.sample.blob
        yield Proposal(
            sample_id=item.sample_id,
            size=(blob.width, blob.height),
            claims=tuple(_claims(task, item, found, least)),
            prediction=Words(
                predictor=task.learned.get("predictor", task.predictor),
                model_name=model_name_of(task)[:200],
                predicted_label=item.predicted_label,
                confidence=item.confidence,
                output=item.prediction or {},
            ),
            hard=found.flagged,
            hard_coefficient=found.coefficient,
            reasons=tuple(Reason(**reason) for reason in found.reasons) if found.flagged else (),
            control=found.control,
            stack=found.stack,
            usefulness=item.usefulness,
        )


def _claims(task: AutoLabelingTask, item: AutoLabelingItem, mined: MiningItem, least: float) -> Iterator[Claim]:
    """What is claimed. A box is hard that a reason names, or whose own hardness reaches the threshold."""
    by = model_name_of(task)
    prediction = from_modelarts(item.prediction)
    if not isinstance(prediction, Detection):
        label = task.label_mapping.get(item.predicted_label, item.predicted_label)
        yield Claim(label, confidence=item.confidence, annotated_by=by)
        return
    named = {reason["claim"] for reason in mined.reasons}
    found = zip(prediction.labels, prediction.boxes, prediction.confidences, strict=True)
    for number, (name, box, sure) in enumerate(found):
        hardness = mined.box_coefficients[number] if number < len(mined.box_coefficients) else 0.0
        yield Claim(
            task.label_mapping.get(name, name),
            box=box,
            confidence=sure,
            annotated_by=by,
            hard=mined.flagged and (number in named or hardness >= least),
            hard_coefficient=hardness,
        )

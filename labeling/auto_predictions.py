"""What an auto labeling task says about its images, by a classifier that learns from the labeled ones, or a model."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from batchservices import child
from batchservices.predictions import classification_json, detection_json
from config.refusals import Refused
from datasets import blobs
from datasets.models import Annotation, Label, Sample, Task
from hardexamples import reference, store
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.reference import Found, Labeled, Seer
from hardexamples.scoring import Batch
from hardexamples.second_look import Looker
from labeling.auto.learner import learn
from labeling.models import AutoLabelingItem, AutoLabelingTask

BLOCK = 500
Kind, Algorithm = AutoLabelingTask.Kind, AutoLabelingTask.Algorithm


@dataclass(frozen=True)
class Image:
    """An item of a task with its image."""

    item: AutoLabelingItem
    sample: Sample

    @property
    def sha256(self) -> str:
        """Its content address."""
        return self.sample.blob.sha256

    def labeled(self) -> Labeled:
        """As the reference reads images; nothing is labeled in it."""
        return Labeled(self.sample.name, blobs.location(self.sample.blob), self.sha256)


@dataclass(frozen=True, eq=False)
class Said:
    """What is said about n images.

    Attributes:
        batch: it, as the rules read it.
        found: the labeled part, as the reference of the rules; None where nothing is labeled.
        learned: what active learning tells of its classifier; `predictor` names it by content.
    """

    batch: Batch
    found: Found | None
    learned: dict[str, Any] = field(default_factory=dict)

    @property
    def least_per_label(self) -> int:
        """Labeled images, or boxes, of the label that has fewest."""
        if self.found is None or not len(self.found.sha256s):
            return 0
        known = self.found.reference
        labels = np.concatenate(known.box_labels or ()) if known.labels is None else known.labels
        counts = np.bincount(labels[labels >= 0], minlength=len(known.class_names))
        return int(counts.min())

    def prediction(self, index: int) -> dict[str, Any]:
        """In ModelArts' form."""
        batch = self.batch
        if batch.probabilities is not None:
            return classification_json(batch.probabilities[index], batch.class_names)
        boxes, labels, sure = _boxes(batch, index)
        return detection_json(boxes, labels, sure)

    def best(self, index: int) -> tuple[str, float | None]:
        """The likeliest label of an image with its confidence; of boxes the surest one's, "" and None without any."""
        batch = self.batch
        if batch.probabilities is not None:
            place = int(batch.probabilities[index].argmax())
            return batch.class_names[place], _share(batch.probabilities[index, place])
        _, labels, sure = _boxes(batch, index)
        return (labels[int(sure.argmax())], _share(sure.max())) if len(labels) else ("", None)


def images_of(task: AutoLabelingTask) -> list[Image]:
    """The items of a task with their images, in their order."""
    rows = AutoLabelingItem.objects.filter(task=task).select_related("sample__blob").order_by("position")
    return [Image(item, item.sample) for item in rows.iterator(chunk_size=BLOCK)]


def labeled_of(task: AutoLabelingTask) -> list[Labeled]:
    """The labeled part as it was when the task began: as the label of an image its index among `names_of`, and of a
    detector all its boxes."""
    if not task.learned_from:
        return []
    ids, labels = np.frombuffer(bytes(task.learned_from), "<i8").reshape(2, -1)
    of_sample = dict(zip(ids.tolist(), labels.tolist(), strict=True))
    place = _places(task)
    found: list[Labeled] = []
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK].tolist()
        boxes = _labeled_boxes(task, block) if task.dataset.task == Task.OBJECT_DETECTION else {}
        for sample in Sample.objects.filter(pk__in=block).select_related("blob").order_by("id"):
            corners = [(row.xmin, row.ymin, row.xmax, row.ymax) for row in boxes.get(sample.pk, ())]
            found.append(
                Labeled(
                    sample.name,
                    blobs.location(sample.blob),
                    sample.blob.sha256,
                    label=place.get(of_sample[sample.pk], -1),
                    boxes=np.array(corners, np.float32).reshape(-1, 4),
                    box_labels=np.array([place[row.label_id] for row in boxes.get(sample.pk, ())], np.int64),
                )
            )
    return found


def _labeled_boxes(task: AutoLabelingTask, samples: Sequence[int]) -> dict[int, list[Annotation]]:
    known = _places(task)
    rows: dict[int, list[Annotation]] = {}
    for row in Annotation.objects.filter(sample__in=samples, xmin__isnull=False, label__in=known).order_by("id"):
        rows.setdefault(row.sample_id, []).append(row)
    return rows


def names_of(task: AutoLabelingTask) -> list[str]:
    """What is predicted: the labels of the dataset, or the classes of the model that pre-labels."""
    if task.kind == Kind.PRE_LABELING:
        return list(task.profile["class_names"])
    return list(task.dataset.labels.order_by("id").values_list("name", flat=True))


def _places(task: AutoLabelingTask) -> dict[int, int]:
    """Of each label its index among the names, through the mapping; a label that no class maps to has none."""
    names = names_of(task)
    mapped = {task.label_mapping.get(name, name): index for index, name in reversed(list(enumerate(names)))}
    labels = Label.objects.filter(dataset=task.dataset).values_list("pk", "name")
    return {pk: mapped[name] for pk, name in labels if name in mapped}


def seer_of(task: AutoLabelingTask) -> Seer:
    """Who measures the images of a task."""
    return Seer(
        model=task.model_sha256,
        tensor=task.activations_tensor,
        predictor=task.predictor,
        task=Task.IMAGE_CLASSIFICATION if task.kind == Kind.AUTO_GROUPING else task.dataset.task,
        class_names=task.profile["class_names"] if task.model_sha256 else names_of(task),
        describe=partial(_describe, task),
        asked=bool(task.model_sha256),
    )


def _describe(task: AutoLabelingTask, data: bytes, boxes: np.ndarray, parts: bool) -> dict[str, Any]:
    if not task.model_sha256:
        return child.describe_labeled(data, boxes, parts=parts)
    child.load(task)
    return child.predict_labeled(data, boxes, parts=parts)


def said_about(
    task: AutoLabelingTask,
    images: Sequence[Image],
    labeled: Sequence[Labeled],
    seer: Seer,
    *,
    looker: Looker | None,
    hold: Callable[[], None],
    done: Callable[[float], None],
) -> Said:
    """What is said about images that were measured, and the reference to judge it by.

    Args:
        task: of what kind.
        images: readable ones.
        labeled: the labeled part; what the store lacks of it is measured.
        seer: who measures.
        looker: who looks again at some of the labeled images; None for nobody.
        hold: called first in each transaction; raises to end the work.
        done: called with the share that is done.

    Raises:
        Refused: nothing_readable, too_few_labeled where too many of the labeled images cannot be read;
            storage_unavailable (503).
    """
    if not images:
        raise Refused("nothing_readable", "None of the unlabeled images can be read.", status=409)
    content = bytes(task.learned_from or b"")
    if task.kind == Kind.PRE_LABELING:
        batch = _batch(task, images, **_answers(task, images))
        if not labeled:
            return Said(batch, None)
        return Said(batch, reference.of_labeled(labeled, content=content, seer=seer, committed=hold, looker=looker))
    reference.measure(labeled, seer, hold)
    own = replace(seer, class_names=names_of(task), asked=False)
    found = reference.of_labeled(labeled, content=content, seer=own, committed=hold)
    return _learned(task, images, found, done)


def _learned(task: AutoLabelingTask, images: Sequence[Image], found: Found, done: Callable[[float], None]) -> Said:
    known = found.reference
    labels = known.labels
    assert labels is not None  # noqa: S101  a classifier's reference has labels
    batch = _batch(task, images)
    near, far = _points(known), _points(batch)
    usable = np.flatnonzero((labels >= 0) & np.isfinite(near).all(axis=1))
    counts = np.bincount(labels[usable])
    if len(counts[counts > 0]) < 2 or counts[counts > 0].min() < 2:
        words = "Too few of the labeled images can be read: at least two labels with two images each are needed."
        raise Refused("too_few_labeled", words, status=409)
    seen = np.isfinite(far).all(axis=1)
    accurate = task.algorithm == Algorithm.ACCURATE
    learned = learn(
        near[usable],
        labels[usable],
        classes=len(known.class_names),
        unlabeled=far[seen] if accurate else None,
        done=done,
    )
    out_of_fold = np.full((len(labels), len(known.class_names)), np.nan, np.float32)
    out_of_fold[usable[learned.judged]] = learned.out_of_fold
    told = {
        "classifier": learned.name,
        "accuracy": learned.accuracy,
        "log_loss": learned.log_loss,
        "temperature": learned.temperature,
        "others": dict(learned.others),
        "labeled": len(usable),
        "predictor": _identity(task, found),
    }
    return Said(
        replace(batch, probabilities=learned.probabilities(np.nan_to_num(far))),
        replace(found, reference=replace(known, probabilities=out_of_fold)),
        told,
    )


def _points(images: Batch) -> np.ndarray:
    points = images.descriptor if images.activations is None else images.activations
    assert points is not None  # noqa: S101  they were measured
    return points


def _identity(task: AutoLabelingTask, found: Found) -> str:
    """Who predicts, by content: what was learned from, and how."""
    what = hashlib.sha256(found.reference.fingerprint.encode()).hexdigest()
    how = f"{task.algorithm}:{EXTRACTOR}:{VERSION}:{task.predictor}:{task.activations_tensor}"
    return f"{what}:{hashlib.sha256(how.encode()).hexdigest()}"


def _answers(task: AutoLabelingTask, images: Sequence[Image]) -> dict[str, Any]:
    sha256s = [image.sha256 for image in images]
    if task.dataset.task == Task.IMAGE_CLASSIFICATION:
        told = store.load(sha256s, store.probabilities_extractor(task.predictor), 1).statistics
        return {"probabilities": told}
    nothing = np.zeros((0, store.DETECTION_COLUMNS), np.float32)
    tables = [nothing if table is None else table for table in store.detections(sha256s, task.predictor)]
    return {
        "boxes": tuple(table[:, :4] for table in tables),
        "box_labels": tuple(table[:, 4].astype(np.int64) for table in tables),
        "box_confidences": tuple(table[:, 5] for table in tables),
        "box_statistics": tuple(table[:, 6:] for table in tables),
    }


def _batch(task: AutoLabelingTask, images: Sequence[Image], **answers: Any) -> Batch:
    sha256s = [image.sha256 for image in images]
    own = store.load(sha256s, EXTRACTOR, VERSION)
    activations = None
    if task.activations_tensor:
        extractor = store.activations_extractor(task.model_sha256, task.activations_tensor)
        activations = store.load(sha256s, extractor, 1).vectors
    return Batch(
        names=tuple(image.sample.name for image in images),
        task=task.dataset.task,
        class_names=tuple(names_of(task)),
        sizes=np.array([(image.sample.blob.width, image.sample.blob.height) for image in images], np.int64),
        statistics=own.statistics,
        descriptor=own.vectors,
        activations=activations,
        **answers,
    )


def _boxes(batch: Batch, index: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    assert batch.boxes is not None  # noqa: S101  a detector's batch
    assert batch.box_labels is not None  # noqa: S101
    assert batch.box_confidences is not None  # noqa: S101
    names = [batch.class_names[place] for place in batch.box_labels[index]]
    return batch.boxes[index], names, batch.box_confidences[index]


def _share(value: np.floating) -> float:
    return min(max(float(value), 0.0), 1.0)

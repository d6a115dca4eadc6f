"""Auto grouping: unlabeled images fall into groups that look alike, so that people label group by group.

It is an auto labeling task of its own kind and runs in the same order, after what was started before it.
"""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from batchservices.models import InferenceModel
from config.refusals import Refused
from config.steps import step
from datasets import attributes, counters
from datasets.models import Dataset, Task
from labeling import auto_labeling
from labeling.auto.grouping import FEWEST, MOST
from labeling.models import AutoLabelingStatus, AutoLabelingTask

MEASURES = {"clarity": "clarity", "brightness": "brightness", "color": "colorfulness"}
"""What may count besides the features, and the statistic that says it."""
Kind = AutoLabelingTask.Kind


def start_auto_grouping(
    *,
    dataset: Dataset,
    attribute: str,
    by: User,
    groups: int | None = None,
    model: InferenceModel | None = None,
    measures: Sequence[str] = (),
) -> AutoLabelingTask:
    """A task that groups what is unlabeled by what it looks like, and tells each image its group as a sample attribute;
    workers go on with it, after those of the dataset that were started before.

    Args:
        dataset: whose unlabeled samples.
        attribute: name of the attribute; told anew where the dataset has it already.
        by: who starts it.
        groups: how many, 2 to 200 and fewer than the images; None: as many as there seem to be.
        model: a classifier whose activations images are compared by; None: the built-in descriptor.
        measures: of `MEASURES`, what counts as much as all features together.

    Raises:
        Refused: bad_attribute_name, unknown_measure, bad_group_count, nothing_unlabeled (409), too_few_images (409),
            model_not_ready (409), model_elsewhere, no_activations, type_mismatch, publishing (409),
            too_many_tasks (409).
    """
    attributes.check_name(attribute)
    unknown = [measure for measure in measures if measure not in MEASURES]
    if unknown:
        words = f"Images can be grouped by {', '.join(MEASURES)}, not by {unknown[0][:80]!r}."
        raise Refused("unknown_measure", words, field="measures")
    if groups is not None and not FEWEST <= groups <= MOST:
        raise Refused("bad_group_count", f"Choose {FEWEST} to {MOST} groups.", field="groups")
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        auto_labeling.check_not_publishing(dataset)
        auto_labeling.check(dataset=dataset, kind=Kind.AUTO_GROUPING)
        check_enough(counters.counts(dataset).unlabeled, groups)
        if model is not None:
            _check_model(model)
        task = AutoLabelingTask(
            dataset=dataset,
            kind=Kind.AUTO_GROUPING,
            **auto_labeling.frozen_model(model),
            attribute=attribute,
            group_count=groups,
            measures=[measure for measure in MEASURES if measure in measures],
            created_by=by,
        )
        auto_labeling.enqueue(task)
    step("auto_grouping.start.committed")
    return task


def check_enough(images: int, groups: int | None) -> None:
    """Whether so many images can be so many groups.

    Raises:
        Refused: too_few_images (409).
    """
    least = (groups or FEWEST) + 1
    if images < least:
        words = f"There must be fewer groups than images: {groups or FEWEST} groups need at least {least} unlabeled "
        raise Refused("too_few_images", f"{words}images that can be read; there are {images}.", status=409)


def _check_model(model: InferenceModel) -> None:
    auto_labeling.check_can_be_asked(model)
    if model.task != Task.IMAGE_CLASSIFICATION:
        words = f"Images are compared by the activations of a classifier; {model} finds objects. Choose another model."
        raise Refused("type_mismatch", words, field="model")
    auto_labeling.check_has_activations(model)


def standing(dataset: Dataset, attribute: str) -> AutoLabelingTask | None:
    """The task whose groups an attribute of the dataset has now."""
    done = dataset.auto_labeling_tasks.filter(
        kind=Kind.AUTO_GROUPING, attribute=attribute, status=AutoLabelingStatus.SUCCEEDED
    )
    return done.order_by("-finished_at", "-id").first()

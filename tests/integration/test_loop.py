"""The loop with a real ONNX model: images in, predictions and hard examples out."""

import json

import pytest

from batchservices.models import BatchRun, CollectionKind
from datasets import counters
from datasets.models import Sample, Status
from tests import loop

pytestmark = pytest.mark.django_db


def test_images_go_in_and_hard_examples_come_out() -> None:
    loop.put_digits("inputs:night", first=400, count=200)
    service = loop.service(
        filtering=True, training_manifest=loop.put_training_manifest(), output_dataset_name="digits hard"
    )

    run = loop.run(service)

    assert (run.status, run.total, run.done, run.failed) == ("finished", 200, 200, 0), run.error
    lines = [json.loads(line) for line in loop.content(f"outputs:nightly/infer-result-{run.pk}.manifest").splitlines()]
    assert len(lines) == 200
    assert lines[0] == {
        "source": "inputs:night/0400.png",
        "result": "SUCCESSFUL",
        "inference-loc": "outputs:nightly/infer-result/0400.png_result.txt",
    }
    prediction = json.loads(loop.content("outputs:nightly/infer-result/0400.png_result.txt"))
    assert set(prediction) == {"predicted_label", "scores"}

    task = loop.collect(run.collection_tasks.get(kind=CollectionKind.FILTER))

    assert task.status == "dataset_imported", task.error
    mining = task.mining
    assert (mining.status, mining.total, mining.reference_count) == ("finished", 200, loop.TRAINED)
    assert 0 < mining.flagged < 100
    hard = Sample.objects.filter(dataset=task.dataset, hard=True)
    assert hard.count() == mining.flagged
    assert {sample.status for sample in hard} == {Status.TO_BE_CONFIRMED}
    assert all(sample.reasons.exists() and sample.predictions.count() == 1 for sample in hard)
    assert Sample.objects.filter(dataset=task.dataset, control=True, hard=False).count() == mining.controls > 0
    assert not counters.check(task.dataset)
    assert str(mining.flagged) in task.words
    assert not task.dataset.holds.exists()


def test_the_coefficient_ranks_the_models_errors_first() -> None:
    loop.put_digits("inputs:night", first=400, count=400)
    service = loop.service(
        filtering=True, training_manifest=loop.put_training_manifest(), output_dataset_name="digits hard"
    )
    run = loop.run(service)
    task = loop.collect(run.collection_tasks.get())

    truth = {f"{number:04}.png": str(label) for number, label in enumerate(loop.digits()[1])}
    wrong = {item.position for item in run.items.all() if item.predicted_label != truth[item.name]}
    hardest = [row.position for row in task.mining.items.order_by("-coefficient")[:80]]
    assert len(wrong) > 10
    assert len(wrong & set(hardest)) / len(wrong) > 0.6


def test_runs_are_kept_apart() -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    service = loop.service()
    first, second = loop.run(service), loop.run(service)
    assert first.pk != second.pk
    assert {run.status for run in BatchRun.objects.all()} == {"finished"}

"""The loop with a real detector on real photographs, through the verbs that the demonstration calls."""

import numpy as np
import pytest

from batchservices import registration
from batchservices.deployment import deploy
from config.demonstration import forest, trees
from datasets import counters, creation, importing, publishing
from datasets.models import Annotation, ImportFormat, Sample, Task
from tests import loop
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


def test_tiles_are_imported_searched_and_filtered() -> None:
    by = StaffFactory()
    forest.write_labeled()
    dataset = creation.create_dataset(name="trees", task=Task.OBJECT_DETECTION, by=by, labels=[trees.LABEL])
    task = importing.start_import(
        dataset=dataset, location=f"inputs:{forest.MANIFEST}", format=ImportFormat.MANIFEST, by=by
    )
    importing.execute(task.pk)
    labeled = trees.tiles(trees.LABELED)
    assert dataset.samples.filter(status="labeled").count() == len(labeled)
    assert Annotation.objects.filter(sample__dataset=dataset).count() == sum(len(tile.boxes) for tile in labeled)
    version = publishing.publish(dataset=dataset, by=by)
    publishing.execute(version.pk)
    version.refresh_from_db()

    model = registration.register_model(name="trees", data=trees.detector("road"), by=by, profile=trees.PROFILE)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    tiles = trees.tiles(trees.INPUTS)
    for tile in tiles:
        loop.put(f"inputs:trees/{tile.name}.png", tile.png())
    service = deploy(
        name="trees nightly",
        model=model,
        input_location="inputs:trees/",
        output_location="outputs:trees-nightly/",
        filtering=True,
        training_manifest=version.manifest,
        output_dataset_name="trees hard",
        by=by,
    )
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("finished", len(tiles), 0), run.error
    truth = {f"{tile.name}.png": tile.boxes for tile in tiles}
    found = crowns = 0
    for item in run.items.all():
        boxes = np.array(item.prediction["detection_boxes"], float).reshape(-1, 4)[:, [1, 0, 3, 2]]
        crowns += len(truth[item.name])
        found += int((trees.overlaps(truth[item.name], boxes) >= 0.5).any(axis=1).sum())
    assert found > crowns / 10  # it has learned what a crown is, on other photographs

    collected = loop.collect(run.collection_tasks.get())
    assert collected.status == "dataset_imported", collected.words
    assert collected.mining is not None
    assert collected.mining.reference_count == len(labeled)
    hard = Sample.objects.filter(dataset=collected.dataset, hard=True)
    assert hard.exists()
    assert all(sample.reasons.exists() for sample in hard)
    assert not counters.check(collected.dataset)

"""The loop with a detector: boxes in pixels of the image, hard examples as samples with boxes."""

import json

import numpy as np
import pytest

from batchservices import registration
from batchservices.deployment import deploy
from datasets import counters
from datasets.formats import voc
from datasets.models import Sample
from hardexamples import crops, store
from hardexamples.models import Features
from tests import loop
from tests.corpus import onnx_models
from tests.factories import image_bytes

pytestmark = pytest.mark.django_db

PROFILE = {
    "task": "object_detection",
    "class_names": list(onnx_models.CLASSES),
    "input": {"name": "image", "width": onnx_models.SIDE, "height": onnx_models.SIDE},
    "output": {"kind": "boxes_scores_classes", "boxes": "boxes", "scores": "scores", "classes": "classes"},
}


def put_labeled(count: int) -> str:
    lines = []
    for number in range(count):
        loop.put(f"inputs:train/{number}.png", image_bytes(1000 + number, width=32, height=24))
        boxes = (voc.VocObject("dog", 2, 3, 12 + number % 5, 15),)
        loop.put(f"inputs:train/{number}.xml", voc.write(voc.VocAnnotation(f"{number}.png", 32, 24, boxes)))
        annotation = {
            "type": "modelarts/object_detection",
            "annotation-loc": f"inputs:train/{number}.xml",
            "annotation-format": "PASCAL VOC",
        }
        lines.append({"source": f"inputs:train/{number}.png", "annotation": [annotation]})
    loop.put("outputs:boxes.manifest", b"\n".join(json.dumps(line).encode() for line in lines))
    return "outputs:boxes.manifest"


@pytest.mark.parametrize("scores", [[0.9, 0.52], [0.1, 0.1]], ids=["two boxes, one in doubt", "nothing found"])
def test_boxes_come_to_be_confirmed(scores: list[float]) -> None:
    data = onnx_models.detects([[1, 1, 4, 4], [2, 0, 8, 6]], scores, [0, 1])
    model = registration.register_model(name="finder", data=data, by=None, profile=PROFILE)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    for number in range(6):
        loop.put(f"inputs:night/{number}.png", image_bytes(number, width=32, height=24))
    service = deploy(
        name="finder",
        model=model,
        input_location="inputs:night",
        output_location="outputs:finder",
        by=None,
        filtering=True,
        training_manifest=put_labeled(20),
        output_dataset_name="boxes",
    )

    run = loop.run(service)
    assert (run.status, run.done) == ("finished", 6), run.error
    said = json.loads(loop.content("outputs:finder/infer-result/0.png_result.txt"))
    found = sum(score > 0.25 for score in scores)
    assert len(said["detection_boxes"]) == found
    if found:
        assert said["detection_boxes"][0] == [3.0, 4.0, 12.0, 16.0]

    task = loop.collect(run.collection_tasks.get())
    assert task.status == "dataset_imported", task.words
    assert task.mining is not None
    assert task.mining.reference_count == 20
    parts = Features.objects.filter(extractor=store.PARTS_EXTRACTOR)
    assert parts.count() == 20  # each labeled image once, in the decode that the detector looked at
    assert {len(bytes(row.vector)) // 2 for row in parts} == {len(crops.places((32, 24))) * 412}
    hard = list(Sample.objects.filter(dataset=task.dataset, hard=True))
    assert hard
    for sample in hard:
        assert sample.reasons.exists()
        corners = sorted(sample.annotations.values_list("label__name", "xmin", "ymin", "xmax", "ymax"))
        assert corners == [("cat", 4, 3, 16, 12), ("dog", 8, 0, 32, 18)][:found]
    assert not counters.check(task.dataset)
    assert np.isfinite([row.coefficient for row in task.mining.items.all()]).all()

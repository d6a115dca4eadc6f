"""Starts the run of a round, says how far it is, and judges what came of it; nobody hurts this process.

It reads a command per line (`begin 7 1`, `look`, `judge`) and answers with a line of JSON.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  after the setup
from django.db import connection  # noqa: E402

from batchservices import deployment, running  # noqa: E402
from batchservices.models import ACTIVE_COLLECTION, ACTIVE_RUN, BatchRun, CollectionStatus, InferenceModel  # noqa: E402
from hardexamples.filters import FilterChoices, create_filter  # noqa: E402
from hardexamples.models import HardExampleFilter  # noqa: E402
from tests import loop  # noqa: E402
from tests.faults import judging  # noqa: E402
from tests.faults.sizes import IMAGES, TRAINED  # noqa: E402

CLASSIFIED = "modelarts/image_classification"


@dataclass
class Witness:
    """What one process of this module knows."""

    model: InferenceModel
    filter: HardExampleFilter
    run: BatchRun | None = None

    def begin(self, seed: int, number: int) -> dict[str, Any]:
        """Puts the inputs of a round, which no round had before, and starts its run."""
        pictures, labels = loop.digits()
        noise = np.random.default_rng((seed, number))
        chosen = noise.choice(np.arange(loop.TRAINED, len(pictures)), IMAGES + TRAINED, replace=False)
        changed = np.clip(pictures[chosen].astype(int) + noise.integers(-9, 10, (len(chosen), 8, 8)), 0, 255)
        places = [f"inputs:round{number}/{'night' if place < IMAGES else 'train'}/{place:03}.png"
                  for place in range(len(chosen))]  # fmt: skip
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(loop.put, places, [loop.png(picture) for picture in changed.astype(np.uint8)]))
        lines = [
            {"source": place, "usage": "TRAIN", "annotation": [{"type": CLASSIFIED, "name": str(label)}]}
            for place, label in zip(places[IMAGES:], labels[chosen[IMAGES:]], strict=True)
        ]
        manifest = f"inputs:round{number}/train.manifest"
        loop.put(manifest, "\n".join(json.dumps(line) for line in lines).encode())
        service = deployment.deploy(
            name=f"round {number}",
            model=self.model,
            input_location=f"inputs:round{number}/night",
            output_location=f"outputs:round{number}",
            filtering=True,
            filter=self.filter,
            training_manifest=manifest,
            output_dataset_name=f"round {number}",
            by=None,
        )
        self.run = running.start(service=service, by=None)
        return {"run": self.run.pk}

    def look(self) -> dict[str, Any]:
        """How far it is, 0 to 1: the run, then mining, then the samples; 1 once there is nothing more to do."""
        assert self.run is not None
        self.run.refresh_from_db()
        if self.run.status in ACTIVE_RUN:
            return {"progress": 0.4 * self.run.done / max(self.run.total, 1)}
        task = self.run.collection_tasks.select_related("mining").first()
        if task is None or task.status not in ACTIVE_COLLECTION:
            return {"progress": 1}
        if task.status == CollectionStatus.IMPORTING:
            return {"progress": 0.7 + 0.29 * task.cursor / max(task.total or 0, 1)}
        return {"progress": 0.6 if task.mining and task.mining.items.exists() else 0.5 if task.mining else 0.4}

    def judge(self) -> dict[str, Any]:
        """All that is wrong."""
        assert self.run is not None
        return {"wrong": judging.judge(self.run)}


def serve() -> None:
    """Answers until the pipe ends."""
    call_command("migrate", verbosity=0)
    choices = FilterChoices(algo_hard_threshold=0.7, second_look_images=20)
    witness = Witness(loop.ready_model(), create_filter(name="quick", by=None, choices=choices))
    _answer({"ready": True})
    for line in sys.stdin:
        verb, *numbers = line.split()
        match verb:
            case "begin":
                _answer(witness.begin(*map(int, numbers)))
            case "look":
                _answer(witness.look())
            case "judge":
                _answer(witness.judge())
        connection.close()  # the server may have ended it by the next command


def _answer(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()

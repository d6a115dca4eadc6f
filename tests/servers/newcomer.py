"""Does the loop as people do, in a process that has nothing but its environment variables; the last line is JSON."""

import io
import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  after the setup
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from batchservices import deployment, registration, running  # noqa: E402
from config.leases import LeasedWork  # noqa: E402
from config.processes import Supervisor  # noqa: E402
from datasets import bulk_review, counters, importing, publishing  # noqa: E402
from datasets.models import Dataset, Status  # noqa: E402
from tests import loop  # noqa: E402

IMAGES = 60
TRAINED = 120
SECONDS = 180


def wait(work: LeasedWork, workers: Supervisor) -> None:
    """Waits for what a worker does."""
    end = time.monotonic() + SECONDS
    while work.status in work.WORKING:  # type: ignore[attr-defined]
        assert time.monotonic() < end, f"{work}: {work.status}"  # type: ignore[attr-defined]
        workers.watch()
        time.sleep(0.1)
        work.refresh_from_db()
    assert not work.error, work.error


def walk(workers: Supervisor) -> dict[str, object]:
    """Register, deploy, run, filter, look, confirm, bring, publish."""
    by = User.objects.create_superuser("newcomer")
    model = registration.register_model(name="digits", data=loop.model_bytes(), by=by, profile=loop.PROFILE)
    wait(model, workers)
    service = deployment.deploy(
        name="nightly",
        model=model,
        input_location="inputs:night",
        output_location="outputs:nightly",
        filtering=True,
        training_manifest=loop.put_training_manifest(count=TRAINED),
        output_dataset_name="night",
        by=by,
    )
    loop.put_digits("inputs:night", first=400, count=IMAGES)
    run = running.start(service=service, by=by)
    wait(run, workers)
    wait(run.collection_tasks.get(), workers)

    dataset = Dataset.objects.get(name="night")
    waiting = dataset.samples.filter(status=Status.TO_BE_CONFIRMED)
    found = waiting.count()
    pages = look(by, dataset, list(waiting.values_list("pk", flat=True)[:3]))
    bulk_review.confirm_many(sample_ids=list(waiting.values_list("pk", flat=True)), by=by)

    picture = loop.png(loop.digits()[0][1700])
    brought = importing.start_import(dataset=dataset, uploads=[("new.png", io.BytesIO(picture))], by=by)
    wait(brought, workers)
    version = publishing.publish(dataset=dataset, by=by)
    wait(version, workers)
    return {
        "done": run.done,
        "results": len(loop.content(run.manifest).splitlines()),
        "found": found,
        "pages": pages,
        "unlabeled": dataset.samples.filter(status=Status.UNLABELED).count(),
        "published": version.sample_count,
        "lines": len(loop.content(version.manifest).splitlines()),
        "wrong_counters": counters.check(dataset),
    }


def look(by: User, dataset: Dataset, samples: list[int]) -> list[tuple[int, str]]:
    """Status and type of the grid, of images and of thumbnails."""
    client = Client(headers={"host": "localhost"})
    client.force_login(by)
    job = dataset.labeling_jobs.get(is_default=True)
    places = [f"labeling/job/{job.pk}/"]
    for pk in samples:
        places += [f"media/sample/{pk}/image", f"media/sample/{pk}/thumbnail"]
    answers = [client.get(f"/admin/{place}") for place in places]
    return [(answer.status_code, answer.headers["Content-Type"]) for answer in answers]


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    with Supervisor(("worker", "sweeper")) as supervisor:
        said = walk(supervisor)
    sys.stdout.write(json.dumps(said) + "\n")

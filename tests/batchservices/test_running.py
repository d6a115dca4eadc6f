"""Runs start once, work through every input once, stop, and end by themselves."""

import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db import connection

from batchservices import child, execution, queue, running
from batchservices.answering import answering
from batchservices.deployment import change
from batchservices.freezing import freeze
from batchservices.in_hand import InHand
from batchservices.models import BatchRun, BatchService, ItemStatus, RunItem
from batchservices.queue import WORKER_TRIES, Settled, Worker
from config.leases import ATTEMPTS, Lease, LeaseLost, claim
from config.refusals import Refused
from config.sandbox import Outcome, Questions
from datasets import locations
from datasets.locations import Location
from hardexamples.models import Features
from tests import loop
from tests.factories import InferenceModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


def test_without_input_it_is_refused_with_the_reason(service: BatchService) -> None:
    with pytest.raises(Refused, match=r"no input data\. Put images into inputs:night") as refusal:
        running.start(service=service, by=None)
    assert refusal.value.code == "no_input"
    assert not BatchRun.objects.exists()


def test_a_second_start_is_refused_and_names_the_run(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    run = running.start(service=service, by=None)
    with pytest.raises(Refused) as refusal:
        running.start(service=service, by=None)
    assert (refusal.value.code, refusal.value.status, refusal.value.where["item"]) == ("already_running", 409, run.pk)


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_are_one_run(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    gate = threading.Barrier(4)
    said: list[str] = []

    def start() -> None:
        gate.wait()
        try:
            running.start(service=service, by=None)
            said.append("started")
        except Refused as refusal:
            said.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["already_running"] * 3 + ["started"]
    assert BatchRun.objects.count() == 1


def test_a_model_that_is_not_ready_starts_nothing(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    unready = InferenceModelFactory(status="refused", error="It has no graph.")
    BatchService.objects.filter(pk=service.pk).update(model=unready)
    with pytest.raises(Refused, match="It has no graph") as refusal:
        running.start(service=service, by=None)
    assert refusal.value.code == "model_not_ready"


def test_a_bad_image_costs_its_item_and_not_the_run(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    loop.put("inputs:night/half.png", loop.content("inputs:night/0400.png")[:60])
    loop.put("inputs:night/moving.gif", b"GIF89a and so on")
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("alarm", 3, 2)
    assert "2 of 5 inputs" in run.error
    errors = dict(run.items.filter(status="failed").values_list("name", "error_code"))
    assert errors == {"half.png": "truncated_image", "moving.gif": "unsupported_format"}
    lines = [json.loads(line) for line in loop.content(run.manifest).splitlines()]
    assert [line["result"] for line in lines] == ["SUCCESSFUL"] * 3 + ["FAILED"] * 2
    assert all(line["error_message"] for line in lines[3:])


def test_an_image_whose_name_cannot_be_read_has_failed_with_its_reason(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    folder = Path(storages["inputs"].location) / "night"
    (folder / " led.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(folder / "0400.png")
    (folder / ".hidden.png").write_bytes(b"x")
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("alarm", 1, 2)
    errors = dict(run.items.filter(status="failed").values_list("name", "error"))
    assert errors.keys() == {" led.png", "link.png"}
    assert all("rename it" in error for error in errors.values())


def test_a_run_of_bad_images_alone_has_failed(service: BatchService) -> None:
    loop.put("inputs:night/a.png", b"no image")
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("failed", 0, 1)
    assert "a.png" in run.error
    assert run.finished_at


def test_identical_bytes_under_two_names_are_two_predictions(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    loop.put("inputs:night/again.png", loop.content("inputs:night/0400.png"))
    run = loop.run(service)
    assert run.done == 2
    assert len(set(run.items.values_list("sha256", flat=True))) == 1
    assert loop.content("outputs:nightly/infer-result/0400.png_result.txt") == loop.content(
        "outputs:nightly/infer-result/again.png_result.txt"
    )


def test_one_name_in_two_folders_keeps_two_results(service: BatchService) -> None:
    pictures, _ = loop.digits()
    loop.put("inputs:night/a/x.png", loop.png(pictures[400]))
    loop.put("inputs:night/b/x.png", loop.png(pictures[401]))
    run = loop.run(service)
    assert run.done == 2
    for folder in "ab":
        said = json.loads(loop.content(f"outputs:nightly/infer-result/{folder}/x.png_result.txt"))
        assert said == run.items.get(name=f"{folder}/x.png").prediction


def test_a_manifest_lists_the_inputs(service: BatchService) -> None:
    loop.put_digits("inputs:pool", first=400, count=3)
    lines = [b'{"source": "inputs:pool/0402.png"}', b'{"source": "0400.png"}', b"nonsense", b'{"source": "../x.png"}']
    loop.put("inputs:pool/night.manifest", b"\n".join(lines))
    BatchService.objects.filter(pk=service.pk).update(input_location="inputs:pool/night.manifest")
    service.refresh_from_db()
    run = loop.run(service)
    assert list(run.items.values_list("name", "status")) == [
        ("0402.png", "done"),
        ("0400.png", "done"),
        ("line 3", "failed"),
        ("line 4", "failed"),
    ]
    assert run.status == "alarm"


def test_a_run_keeps_what_it_froze(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    run = running.start(service=service, by=None)
    change(
        service=service,
        by=None,
        name="renamed",
        model=service.model,
        input_location="inputs:elsewhere",
        output_location="outputs:elsewhere",
    )
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done) == ("finished", 2)
    assert run.manifest == f"outputs:nightly/infer-result-{run.pk}.manifest"


def test_a_stopped_run_keeps_its_predictions_and_gives_the_rest_back(
    service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.put_digits("inputs:night", first=400, count=12)
    run = running.start(service=service, by=None)
    take = child.take

    def stop_in_between(questions: Questions, *, within: float) -> Outcome | None:
        if RunItem.objects.filter(run=run, status=ItemStatus.DONE).exists():
            running.stop(run=run, by=None)
            monkeypatch.setattr(child, "take", take)
        return take(questions, within=within)

    monkeypatch.setattr(child, "take", stop_in_between)
    running.execute(run.pk)
    run.refresh_from_db()
    assert run.status == "stopped"
    assert run.done == run.items.filter(status="done").count() > 0
    assert run.items.filter(status="pending").count() == 12 - run.done
    running.execute(run.pk)
    assert run.items.filter(status="pending").count() == 12 - run.done
    with pytest.raises(Refused, match="stopped"):
        running.stop(run=run, by=None)


def test_any_number_of_messages_is_harmless(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=5)
    run = loop.run(service)
    features = Features.objects.count()
    for _ in range(3):
        running.execute(run.pk)
    running.execute(10**9)
    run.refresh_from_db()
    assert (run.done, run.status, Features.objects.count()) == (5, "finished", features)


def test_an_item_that_kills_the_child_is_tried_three_times_and_its_neighbors_are_done(
    service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.put_digits("inputs:night", first=400, count=4)
    loop.put("inputs:night/0401.png", loop.content("inputs:night/0401.png") + b"crash")
    monkeypatch.setattr(child, "PREDICT_IMAGE", "tests.corpus.deadly_images:predict_image")
    read, tries = locations.read, []

    def count(location: Location, *, limit: int) -> bytes:
        tries.append(location.name)
        return read(location, limit=limit)

    monkeypatch.setattr(locations, "read", count)
    run = loop.run(service)
    assert (run.status, run.done, run.failed) == ("alarm", 3, 1)
    assert Counter(tries)["0401.png"] == 3
    assert {attempts for name, attempts in run.items.values_list("name", "attempts") if name != "0401.png"} == {1}
    failed = run.items.get(name="0401.png")
    assert (failed.error_code, failed.error) == ("image_crashed", "The image crashed the process that worked on it.")


@pytest.fixture
def prepared(service: BatchService) -> BatchRun:
    """A run of four items that nobody has worked on."""
    loop.put_digits("inputs:night", first=400, count=4)
    run = running.start(service=service, by=None)
    freeze(claim(BatchRun, run.pk), run)
    run.refresh_from_db()
    assert run.status == "running"
    return run


def test_who_comes_late_to_prepare_a_run_takes_none_of_its_items_away(
    service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.put_digits("inputs:night", first=400, count=4)
    run = running.start(service=service, by=None)
    claim = execution.claim

    def late(model: type[BatchRun], pk: int) -> Lease | None:
        monkeypatch.undo()
        execution.freeze(claim(model, pk), BatchRun.objects.get(pk=pk))
        assert Worker(run).settle_and_lease([], wanted=2)  # and begun with it
        return claim(model, pk)

    monkeypatch.setattr(execution, "claim", late)
    items = set(run.items.values_list("pk", flat=True))
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.error) == ("running", 2, "")
    assert set(run.items.values_list("pk", flat=True)) >= items
    assert run.items.filter(status="leased").count() == 2


def test_two_workers_never_hold_one_item(prepared: BatchRun) -> None:
    first = Worker(prepared).settle_and_lease([], wanted=3)
    second = Worker(prepared).settle_and_lease([], wanted=3)
    assert len(first) == 3
    assert len(second) == 1
    assert not {item.pk for item in first} & {item.pk for item in second}


def test_a_restart_starts_where_the_run_has_just_ended_by_itself(prepared: BatchRun, monkeypatch) -> None:
    stop = running.stop

    def ended_first(*, run: BatchRun, by: None) -> None:
        running.execute(run.pk)
        stop(run=run, by=by)

    monkeypatch.setattr(running, "stop", ended_first)
    again = running.restart(service=prepared.service, by=None)
    prepared.refresh_from_db()
    assert (prepared.status, again.status) == ("finished", "preparing")
    assert again.pk != prepared.pk


def test_near_the_end_of_a_run_nobody_holds_more_than_a_share(prepared: BatchRun, monkeypatch) -> None:
    monkeypatch.setattr(queue, "LEAST_SHARE", 1)
    assert [len(Worker(prepared).settle_and_lease([], wanted=9)) for _ in range(5)] == [1, 1, 1, 1, 0]
    BatchRun.objects.filter(pk=prepared.pk).update(total=12)
    prepared.items.update(status="pending")
    assert len(Worker(prepared).settle_and_lease([], wanted=9)) == 3


def test_an_item_whose_workers_die_is_leased_alone_and_given_up_at_last(prepared: BatchRun, settings) -> None:
    sizes = []
    for _ in range(WORKER_TRIES):
        sizes.append(len(Worker(prepared).settle_and_lease([], wanted=4)))
        prepared.items.update(lease_expires_at=prepared.created_at)
    assert sizes[:3] == [4, 4, 1]
    for _ in range(20):
        if not Worker(prepared).settle_and_lease([], wanted=4):
            break
        prepared.items.update(lease_expires_at=prepared.created_at)
    assert set(prepared.items.values_list("error_code", flat=True)) == {"worker_died_repeatedly"}
    running.execute(prepared.pk)
    prepared.refresh_from_db()
    assert (prepared.status, prepared.failed) == ("failed", 4)


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(prepared: BatchRun) -> None:
    from_the_dead = Worker(prepared)
    items = from_the_dead.settle_and_lease([], wanted=4)
    answers = answering(prepared)
    answers.load()
    settled: list[Settled] = []
    with InHand(prepared, answers) as hand:
        hand.add(items)
        while hand.items():
            settled += hand.chunk(most=4)
    prepared.items.update(lease_expires_at=prepared.created_at)
    running.execute(prepared.pk)
    with pytest.raises(LeaseLost):
        from_the_dead.settle_and_lease(settled, wanted=4)
    prepared.refresh_from_db()
    assert (prepared.status, prepared.done) == ("finished", 4)


def test_a_model_whose_bytes_were_changed_is_not_loaded(prepared: BatchRun) -> None:
    child.close()
    sha256 = prepared.model_sha256
    loop.put(f"models:{sha256[:2]}/{sha256}.onnx", b"another model")
    running.execute(prepared.pk)
    prepared.refresh_from_db()
    assert (prepared.status, prepared.error_code) == ("failed", "hash_mismatch")


def test_who_started_it_is_kept(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    person = User.objects.get(pk=service.created_by_id)
    assert running.start(service=service, by=person).started_by == person


@pytest.mark.django_db(transaction=True)
def test_an_image_may_take_longer_than_a_lease_lasts(
    service: BatchService, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_SECONDS = 1
    loop.put_digits("inputs:night", first=400, count=1)
    run = running.start(service=service, by=None)
    take = child.take

    def slowly(questions: Questions, *, within: float) -> Outcome | None:
        time.sleep(1.2)
        assert not Worker(run).settle_and_lease([], wanted=4)  # nobody else gets it meanwhile
        return take(questions, within=within)

    monkeypatch.setattr(child, "take", slowly)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.items.get().attempts) == ("finished", 1, 1)


@pytest.mark.parametrize("alias", ["inputs", "outputs"])
def test_a_run_waits_while_a_storage_is_away_and_loses_nothing(prepared: BatchRun, alias: str) -> None:
    run = prepared
    with loop.away(alias):
        for _ in range(2 * ATTEMPTS):
            running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.failed) == ("running", 0, 0)
    assert "does not answer" in run.waits_for
    assert set(run.items.values_list("status", "attempts")) == {("pending", 0)}
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.waits_for) == ("finished", 4, "")


def test_a_run_waits_with_its_list_of_inputs_and_with_its_manifest(service: BatchService) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    run = running.start(service=service, by=None)
    with loop.away("inputs"):
        running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.lease_token) == ("preparing", "")
    freeze(claim(BatchRun, run.pk), run)
    answers = answering(run)
    answers.load()
    run.refresh_from_db()
    assert execution._work(run, Worker(run), answers)
    with loop.away("outputs"):
        running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.lease_token) == ("running", 2, "")
    running.execute(run.pk)
    run.refresh_from_db()
    assert run.status == "finished"


def test_a_run_that_waited_too_long_fails_with_what_it_waited_for(prepared: BatchRun, settings) -> None:
    run = prepared
    with loop.away("outputs"):
        running.execute(run.pk)
        settings.WAIT_HOURS = 1e-9
        running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "waited_too_long")
    assert "does not answer" in run.error

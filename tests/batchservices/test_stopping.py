"""The stop button, wherever a run or a collection stands: the state is there at once, and who works on it begins
nothing more after the chunk, the rule or the block of a listing that is in hand. None of these takes 5 seconds."""

from collections.abc import Callable
from typing import Any

import pytest

from batchservices import bringing, collection, execution, foreign_results, freezing, running, synchronizing
from batchservices.deployment import deploy
from batchservices.elsewhere import register_elsewhere
from batchservices.models import BatchRun, BatchService, CollectionTask, ItemStatus, RunItem
from config import leases, steps
from config.leases import CHUNK_SECONDS
from datasets.models import Sample
from hardexamples import mining, store
from hardexamples.models import MiningItem
from hardexamples.rules import Rule, batch
from hardexamples.scoring import Filter
from tests import loop
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

INPUTS = 9


@pytest.fixture
def inputs() -> None:
    loop.put_digits("inputs:night", first=400, count=INPUTS)


def at(patch: pytest.MonkeyPatch, module: Any, name: str, stop: Callable[[], None]) -> None:
    """Calls `stop` when the work comes to a step for the first time."""
    passed: list[str] = []

    def step(here: str) -> None:
        steps.step(here)
        if here == name and not passed:
            passed.append(here)
            stop()

    patch.setattr(module, "step", step)


def stop_newest() -> None:
    running.stop(run=BatchRun.objects.latest("pk"), by=None)


def counted(run: BatchRun) -> tuple[int, int]:
    """Done and failed, as the run counts them; they are those of its items."""
    run.refresh_from_db()
    found = tuple(run.items.filter(status=status).count() for status in (ItemStatus.DONE, ItemStatus.FAILED))
    assert (run.done, run.failed) == found
    return found


def elsewhere() -> BatchService:
    """A service that takes in results which stand in six files of lines."""
    for number in range(INPUTS):
        line = b'{"source": "%04d.png", "scores": {"3": 0.9, "5": 0.1}}' % (400 + number)
        loop.put(f"inputs:theirs/{number}.jsonl", line)
    model = register_elsewhere(name="theirs", task="image_classification", class_names=loop.CLASSES, by=None)
    return deploy(
        name="theirs", model=model, input_location="inputs:night", output_location="outputs:theirs",
        results_location="inputs:theirs", by=StaffFactory(),
    )  # fmt: skip


@pytest.mark.usefixtures("inputs")
class TestRuns:
    def test_while_the_list_is_frozen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = loop.service()
        monkeypatch.setattr(freezing, "CHUNK_ROWS", 2)
        at(monkeypatch, freezing, "run.list.committed", stop_newest)
        run = loop.run(service)
        assert (run.status, run.items.count()) == ("stopped", 2)

    def test_while_what_was_predicted_before_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = loop.service()
        loop.run(service)
        monkeypatch.setattr(freezing, "CHUNK_ROWS", 2)
        at(monkeypatch, freezing, "run.list.committed", stop_newest)
        run = loop.run(service)
        assert (run.status, counted(run), run.kept) == ("stopped", (2, 0), 2)

    def test_while_answers_that_are_known_by_their_bytes_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = loop.service()
        loop.run(service)
        for number in range(INPUTS):
            loop.put(f"inputs:night/moved/{number}.png", loop.content(f"inputs:night/{400 + number:04}.png"))
        BatchService.objects.update(input_location="inputs:night/moved")
        service.refresh_from_db()
        monkeypatch.setattr(execution, "ASKED_AHEAD", 1)
        monkeypatch.setattr(execution, "CHUNK_SECONDS", 0)
        monkeypatch.setattr(execution, "LEASED_SECONDS", 0)
        at(monkeypatch, execution, "run.chunk.committed", stop_newest)
        run = loop.run(service)
        done, failed = counted(run)
        assert (run.status, failed, run.kept) == ("stopped", 0, done)
        assert 0 < done < INPUTS

    def test_while_results_of_another_system_are_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = elsewhere()
        read: list[str] = []
        monkeypatch.setattr(foreign_results, "BATCH_ROWS", 1)
        open_file = foreign_results.locations.open_file

        def opened(location: Any) -> Any:
            if location.alias == "inputs" and location.path.endswith(".jsonl"):
                read.append(location.path)
                if len(read) == 2:
                    stop_newest()
            return open_file(location)

        monkeypatch.setattr(foreign_results.locations, "open_file", opened)
        run = loop.run(service)
        assert (run.status, run.items.count(), len(read)) == ("stopped", 0, 2)

    def test_while_results_of_another_system_are_taken_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = elsewhere()
        monkeypatch.setattr(execution, "ASKED_AHEAD", 2)
        monkeypatch.setattr(execution, "LEASED_SECONDS", 0)
        at(monkeypatch, execution, "run.result.written", stop_newest)
        run = loop.run(service)
        assert run.status == "stopped"
        assert sum(counted(run)) < INPUTS
        assert not RunItem.objects.filter(run=run, status=ItemStatus.LEASED).exists()

    def test_what_a_worker_has_in_hand_takes_less_than_the_promise(self) -> None:
        assert CHUNK_SECONDS < 5


@pytest.mark.usefixtures("inputs")
class TestCollections:
    def stopped(self, task: CollectionTask) -> CollectionTask:
        task.refresh_from_db()
        loop.collect(task)
        assert task.status == "stopped"
        assert task.words.startswith("Stopped.")
        assert not task.dataset.holds.exists()
        return task

    def test_while_the_inputs_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = collection.synchronize(service=loop.service(), dataset_name="all", by=None)
        listed: list[str] = []
        monkeypatch.setattr(synchronizing, "LISTED", 2)
        list_inputs = synchronizing.list_inputs

        def listing(text: str) -> Any:
            for each in list_inputs(text):
                listed.append(each.name)
                if len(listed) == 3:
                    collection.stop(task=task, by=None)
                yield each

        monkeypatch.setattr(synchronizing, "list_inputs", listing)
        assert self.stopped(task).total is None
        assert len(listed) == 4

    def test_while_images_are_brought(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = collection.synchronize(service=loop.service(), dataset_name="all", by=None)
        monkeypatch.setattr(bringing, "CHUNK_IMAGES", 2)
        at(monkeypatch, bringing, "collection.chunk.committed", lambda: collection.stop(task=task, by=None))
        assert self.stopped(task).added == 2 == Sample.objects.filter(dataset=task.dataset).count()

    def filtering(self) -> CollectionTask:
        run = loop.run(loop.service(filtering=True, output_dataset_name="hard"))
        return run.collection_tasks.get()

    def test_while_what_is_kept_of_the_inputs_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = self.filtering()
        monkeypatch.setattr(leases, "LISTEN_SECONDS", -1)
        monkeypatch.setattr(store, "BLOCK", 2)
        blocks: list[int] = []
        fill = store._fill

        def stopping(table: Any, rows: int, places: list[int], *said: Any) -> Any:
            blocks.append(places[0] // 2)
            if len(blocks) == 1:
                collection.stop(task=task, by=None)
            return fill(table, rows, places, *said)

        monkeypatch.setattr(store, "_fill", stopping)
        assert self.stopped(task).mining.status == "stopped"
        assert set(blocks) == {0}

    def test_between_two_rules_that_are_fitted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = self.filtering()
        fitted: list[str] = []
        enabled = Filter._enabled

        def enabled_rules(self: Filter) -> dict[str, Rule]:
            found = enabled(self)
            for name, rule in found.items():
                monkeypatch.setattr(rule, "fit", stopping(name, rule))
            return found

        def stopping(name: str, rule: Rule) -> Any:
            fit = rule.fit

            def fitting(reference: Any) -> Any:
                fitted.append(name)
                if len(fitted) == 2:
                    collection.stop(task=task, by=None)
                return fit(reference)

            return fitting

        monkeypatch.setattr(Filter, "_enabled", enabled_rules)
        assert self.stopped(task).mining.status == "stopped"
        assert len(fitted) == 2

    def test_within_a_rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = self.filtering()
        monkeypatch.setattr(batch, "BLOCK", 2)
        scored: list[str] = []
        apply = Filter.apply

        def watched(self: Filter, *inputs: Any, **more: Any) -> Any:
            for name, rule in self.rules_.items():
                monkeypatch.setattr(rule, "_score", stopping(name, rule))
            return apply(self, *inputs, **more)

        def stopping(name: str, rule: Rule) -> Any:
            score = rule._score

            def scoring(block: Any) -> Any:
                scored.append(name)
                if scored[-2:] == [name] * 2:
                    collection.stop(task=task, by=None)
                return score(block)

            return scoring

        monkeypatch.setattr(Filter, "apply", watched)
        assert self.stopped(task).mining.status == "stopped"
        assert len(scored) == len(set(scored)) + 1
        assert not MiningItem.objects.exists()

    def test_while_what_the_rules_said_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        task = self.filtering()
        monkeypatch.setattr(mining, "CHUNK_ROWS", 2)
        monkeypatch.setattr(mining, "EXPLAINED", 2)
        at(monkeypatch, mining, "mining.chunk.committed", lambda: collection.stop(task=task, by=None))
        self.stopped(task)
        assert MiningItem.objects.count() == 2
        assert not Sample.objects.exists()

"""A simulation of labeling a dataset is started, done, kept, shown, stopped; nothing in the dataset changes."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from config import steps, sweeper
from config.refusals import Refused
from datasets.models import Annotation
from hardexamples.models import Features
from labeling import simulating, simulation_work
from labeling.auto.ordering import ORDERS
from labeling.auto.simulation import accuracies
from labeling.models import AutoLabelingStatus, LabelingSimulation
from labeling.simulation_words import progress_of, sentences, table_of
from tests.factories import (
    AnnotationFactory,
    DetectionDatasetFactory,
    InferenceModelFactory,
    LabelFactory,
    LabelingSimulationFactory,
    UserFactory,
)
from tests.labeling.auto.digits import digits
from tests.labeling.conftest import rights

pytestmark = pytest.mark.django_db

ROWS = [
    {"set": "digits", "order": "most_useful", "labels": 160, "accuracy": 0.94, "low": 0.93, "high": 0.95},
    {"set": "digits", "order": "most_useful", "labels": 420, "accuracy": 0.97, "low": 0.96, "high": 0.98},
    {"set": "digits", "order": "random", "labels": 160, "accuracy": 0.88, "low": 0.86, "high": 0.9},
    {"set": "digits", "order": "random", "labels": 420, "accuracy": 0.94, "low": 0.92, "high": 0.96},
    {
        "set": "digits",
        "order": "most_useful",
        "labels_to_match_random": 160.2,
        "random_labels": 420,
        "saved": 0.618,
        "saved_low": 0.55,
        "saved_high": 0.68,
    },
]


@pytest.fixture
def ann():
    return UserFactory.create(username="ann")


@pytest.fixture
def simulator(reviewer, review):
    """A reviewer who may start auto labeling."""
    reviewer.user_permissions.add(*rights("labeling.start_autolabelingtask"))
    return review


@pytest.fixture
def dataset():
    return digits(labeled=30, unlabeled=0)


def start(dataset, by=None) -> LabelingSimulation:
    return simulating.simulate_labeling(dataset=dataset, by=by, seeds=2, most_labels=24)


def done(simulation: LabelingSimulation) -> LabelingSimulation:
    simulation_work.execute(simulation.pk)
    simulation.refresh_from_db()
    return simulation


def page(dataset, name: str, *more: int) -> str:
    return reverse(f"labeling:{name}", args=[dataset.labeling_jobs.get().pk, *more])


def test_what_is_labeled_tells_what_the_orders_save(dataset, ann) -> None:
    before = list(dataset.samples.order_by("id").values("status", "version", "hard_coefficient"))
    simulation = done(start(dataset, ann))
    assert (simulation.status, simulation.error, simulation.total) == (AutoLabelingStatus.SUCCEEDED, "", 90)
    assert {row["order"] for row in simulation.rows} == set(ORDERS)
    assert {"set", "order", "labels", "accuracy", "low", "high"} == set(simulation.rows[0])
    saved = [row for row in simulation.rows if "saved" in row]
    assert [row["order"] for row in saved] == ["most_useful", "hardest"]
    assert {len(curves) for curves in simulation.curves.values()} == {2}
    assert list(dataset.samples.order_by("id").values("status", "version", "hard_coefficient")) == before


@pytest.mark.parametrize("name", ["simulation.frozen", "simulation.curve.committed", "simulation.end.before_commit"])
def test_a_worker_that_dies_leaves_what_it_has_done(dataset, monkeypatch, name) -> None:
    whole = done(start(dataset))
    simulation = start(dataset)

    def die(step: str) -> None:
        if step == name:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulation_work, "step", die)
    with pytest.raises(KeyboardInterrupt):
        simulation_work.execute(simulation.pk)
    monkeypatch.setattr(simulation_work, "step", steps.step)
    counted = []
    monkeypatch.setattr(simulation_work, "accuracies", lambda *a, **k: counted.append(k) or accuracies(*a, **k))
    assert done(simulation).rows == whole.rows
    assert len(counted) == {"simulation.frozen": 6, "simulation.curve.committed": 5}.get(name, 0)


def test_what_people_label_meanwhile_changes_nothing(dataset, monkeypatch) -> None:
    whole = done(start(dataset))
    simulation = start(dataset)

    def label(step: str) -> None:
        if step == "simulation.frozen":
            Annotation.objects.filter(sample__dataset=dataset).update(label=dataset.labels.first())

    monkeypatch.setattr(simulation_work, "step", label)
    assert done(simulation).rows == whole.rows


def test_images_that_cannot_be_read_are_left_out_and_counted(dataset) -> None:
    gone = dataset.samples.first()
    Features.objects.filter(sha256=gone.blob.sha256).delete()  # its bytes are nowhere
    simulation = done(start(dataset))
    assert (simulation.status, simulation.total, simulation.unreadable) == (AutoLabelingStatus.SUCCEEDED, 90, 1)


def test_too_few_that_can_be_read_end_it_in_words(dataset) -> None:
    simulation = start(dataset)
    some = dataset.samples.values_list("blob__sha256", flat=True)[:40]
    Features.objects.filter(sha256__in=list(some)).delete()
    assert done(simulation).status == AutoLabelingStatus.FAILED
    assert "At least 60 labeled images are needed" in simulation.error


@pytest.mark.parametrize(
    ("labeled", "classes", "words"), [(19, 3, "At least 60 labeled.*has 57"), (60, 1, "two different labels")]
)
def test_too_few_labeled_are_refused_in_words(labeled, classes, words) -> None:
    with pytest.raises(Refused, match=words):
        start(digits(labeled=labeled, classes=classes, unlabeled=0))


def test_boxes_are_refused_in_words() -> None:
    with pytest.raises(Refused, match="whole images"):
        start(DetectionDatasetFactory.create())


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"seeds": 0}, "Between 1 and 32 rounds"),
        ({"most_labels": 2001}, "Between 2 and 2,000 labels"),
        ({"model": {"task": "object_detection"}}, "Choose another model"),
        ({"model": {}}, "no activations"),
    ],
)
def test_what_cannot_be_is_refused(dataset, chosen, words) -> None:
    if "model" in chosen:
        chosen["model"] = InferenceModelFactory.create(**chosen["model"])
    with pytest.raises(Refused, match=words):
        simulating.simulate_labeling(dataset=dataset, by=None, **chosen)


def test_one_simulation_of_a_dataset_at_a_time(dataset) -> None:
    first = start(dataset)
    with pytest.raises(Refused, match="is being simulated already"):
        start(dataset)
    simulating.stop(simulation=first, by=UserFactory.create())
    start(dataset)


def test_a_stopped_simulation_ends_at_its_next_step(dataset, ann, monkeypatch) -> None:
    simulation = start(dataset)

    def stop(step: str) -> None:
        if step == "simulation.curve.committed":
            simulating.stop(simulation=simulation, by=ann)

    monkeypatch.setattr(simulation_work, "step", stop)
    assert done(simulation).status == AutoLabelingStatus.STOPPED
    assert simulation.rows == []
    with pytest.raises(Refused, match="cannot become"):
        simulating.stop(simulation=simulation, by=ann)


def test_a_lost_ring_is_rung_again(dataset) -> None:
    start(dataset)
    assert sweeper.sweep(quiet_seconds=-1) == 1


def test_it_is_said_in_a_sentence() -> None:
    (sentence,) = sentences(ROWS)
    assert sentence.startswith("To reach 94 % you need 160 labels instead of 420, most useful first: 62 % saved")
    assert "55 to 68 % with 95 % confidence" in sentence
    chance = [*ROWS[:-1], {**ROWS[-1], "saved_low": -0.02}]
    assert "nothing that could not be chance" in sentences(chance)[0]
    orders, lines = table_of(ROWS)
    assert orders == ["most useful first", "random order"]
    assert [(labels, [point.percent for point in points]) for labels, points in lines] == [
        (160, ["94.0 %", "88.0 %"]),
        (420, ["97.0 %", "94.0 %"]),
    ]


def test_it_is_started_from_the_page_followed_and_shown(dataset, simulator) -> None:
    assert page(dataset, "simulations") in simulator.get(page(dataset, "job")).content.decode()
    assert "No simulation yet" in simulator.get(page(dataset, "simulations")).content.decode()
    shown = simulator.post(page(dataset, "simulations"), follow=True).content.decode()
    simulation = dataset.labeling_simulations.get()
    assert (simulation.seeds, simulation.most_labels, simulation.created_by.username) == (8, 420, "rita")
    assert page(dataset, "simulation_progress", simulation.pk) in shown
    assert simulator.get(page(dataset, "simulation_progress", simulation.pk)).json()["active"] is True
    again = simulator.post(page(dataset, "simulations"))
    assert (again.status_code, "is being simulated already" in again.content.decode()) == (400, True)
    LabelingSimulation.objects.update(seeds=2)
    done(simulation)
    asked = simulator.get(page(dataset, "simulation_progress", simulation.pk)).json()
    assert (asked["active"], asked["share"]) == (False, 1.0)
    shown = simulator.get(page(dataset, "simulations")).content.decode()
    assert "<polygon" in shown
    assert "From 90 labeled images in 2 rounds" in shown
    assert shown.count('<th scope="row" class="hm-num">') == len(simulation.rows[:-2]) / 3


def test_it_is_stopped_from_its_page(dataset, simulator) -> None:
    simulation = start(dataset)
    assert "Stopped." in simulator.post(page(dataset, "stop_simulation", simulation.pk), follow=True).content.decode()
    again = simulator.post(page(dataset, "stop_simulation", simulation.pk), follow=True)
    assert "cannot become" in again.content.decode()


def test_too_few_labeled_is_said_on_the_page(simulator) -> None:
    answer = simulator.post(page(digits(labeled=5, unlabeled=0), "simulations"))
    assert answer.status_code == 400
    assert "At least 60 labeled images" in answer.content.decode()


def test_who_may_not_start_one_may_look(dataset, review, outsider) -> None:
    simulation = start(dataset)
    shown = review.get(page(dataset, "simulation", simulation.pk))
    assert shown.status_code == 200
    assert page(dataset, "stop_simulation", simulation.pk) not in shown.content.decode()
    for client in (review, outsider):
        assert client.post(page(dataset, "simulations")).status_code == 403
        assert client.post(page(dataset, "stop_simulation", simulation.pk)).status_code == 403
    assert outsider.get(page(dataset, "simulations")).status_code == 403
    other = digits(name="other", labeled=1, unlabeled=0)
    assert review.get(page(other, "simulation", simulation.pk)).status_code == 404


def test_programs_start_see_and_stop_one(dataset, simulator) -> None:
    address = f"/api/v1/datasets/{dataset.pk}/labeling_simulations/"
    made = simulator.post(address, {"seeds": 2, "most_labels": 24}, content_type="application/json")
    assert (made.status_code, made.json()["status"], made.json()["rows"]) == (202, "waiting", [])
    simulation = dataset.labeling_simulations.get()
    done(simulation)
    one = f"/api/v1/labeling_simulations/{simulation.pk}/"
    told = simulator.get(one).json()
    assert (told["status"], told["rows"]) == ("succeeded", simulation.rows)
    assert simulator.get(address).json()["results"] == [told]
    assert simulator.post(f"{one}stop/", content_type="application/json").status_code == 409
    refused = simulator.post(address, {"seeds": 99}, content_type="application/json")
    assert refused.status_code == 400


def test_the_command_prints_the_rows_of_a_dataset(dataset, capsys) -> None:
    call_command("simulate_labeling", "--dataset", "digits", "--seeds", "2", "--labels", "24", "--json")
    assert json.loads(capsys.readouterr().out) == dataset.labeling_simulations.get().rows
    for name, words in (("nowhere", "no dataset"), (DetectionDatasetFactory.create().name, "whole images")):
        with pytest.raises(CommandError, match=words):
            call_command("simulate_labeling", "--dataset", name)


def test_the_first_page_shows_what_goes_on_and_what_failed(dataset, admin_client) -> None:
    start(dataset)
    failed = LabelingSimulationFactory.create(status="failed", error="Too little light.", dataset__name="dark")
    shown = admin_client.get(reverse("admin:index")).content.decode()
    assert "Simulation of labeling digits" in shown
    assert failed.error in shown


def test_the_time_left_is_told_once_it_can_be(dataset) -> None:
    simulation = start(dataset)
    assert progress_of(simulation).seconds_left is None
    simulation.status, simulation.share, simulation.started_at = "running", 0.25, simulation.created_at
    later = simulation.created_at + timedelta(seconds=20)
    assert progress_of(simulation, now=later).seconds_left == pytest.approx(60)


def test_of_very_many_labeled_samples_some_are_drawn(dataset, monkeypatch) -> None:
    monkeypatch.setattr(simulation_work, "MOST_IMAGES", 70)
    simulation = done(start(dataset))
    assert simulation.total == 70
    assert simulation.status == AutoLabelingStatus.SUCCEEDED


def test_the_most_claims_of_a_sample_count_once(dataset) -> None:
    sample = dataset.samples.first()
    AnnotationFactory(sample=sample, label=LabelFactory(dataset=dataset, name="another"))
    assert done(start(dataset)).total == 90

"""Models are registered by their bytes and are ready, or refused with the reason, after their dry run."""

from pathlib import Path

import pytest

from batchservices import modelfiles, registration, samples
from batchservices.models import InferenceModel
from config.refusals import Refused
from tests import loop
from tests.factories import BatchRunFactory, BatchServiceFactory, InferenceModelFactory, StaffFactory

pytestmark = pytest.mark.django_db


def register(**changes: object) -> InferenceModel:
    values = {"name": "digits", "data": loop.model_bytes(), "by": None, "profile": loop.PROFILE}
    model = registration.register_model(**{**values, **changes})
    assert model.status == "checking"
    registration.execute_check(model.pk)
    model.refresh_from_db()
    return model


def test_a_model_is_ready_after_its_check() -> None:
    person = StaffFactory()
    model = register(by=person)
    assert (model.status, model.error, model.created_by) == ("ready", "", person)
    assert model.class_names == loop.CLASSES
    assert model.activations_tensor
    assert model.report["dry_run"]["deterministic"]
    assert modelfiles.read(model.sha256) == loop.model_bytes()


def test_the_same_name_gets_the_next_version() -> None:
    assert [register().version, register().version] == [1, 2]


def test_without_a_profile_one_is_proposed() -> None:
    model = register(profile=None, class_names=[f"digit {name}" for name in loop.CLASSES])
    assert model.status == "ready"
    assert model.class_names[3] == "digit 3"
    assert model.profile["input"]["layout"] == "flat"


def test_what_is_no_model_is_refused_in_words() -> None:
    model = register(data=b"no model")
    assert (model.status, model.error_code) == ("refused", "invalid_model")
    assert "ONNX" in model.error


def test_a_profile_that_does_not_fit_is_refused_in_words() -> None:
    profile = {**loop.PROFILE, "input": {**loop.PROFILE["input"], "name": "pixels"}}
    model = register(profile=profile)
    assert (model.status, model.error_code) == ("refused", "unknown_port")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "bad_name"),
        ({"name": "x" * 101}, "bad_name"),
        ({"data": b""}, "empty_file"),
        ({"profile": {"task": "image_classification"}}, "bad_profile"),
    ],
)
def test_bad_words_are_refused_at_once(changes: dict, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        register(**changes)
    assert refusal.value.code == code
    assert not InferenceModel.objects.exists()


def test_a_model_has_a_largest_size(settings) -> None:
    settings.MODEL_LIMIT_MIB = 1
    with pytest.raises(Refused) as refusal:
        register(data=b"x" * (2**20 + 1))
    assert (refusal.value.code, refusal.value.status) == ("too_large", 413)


def test_any_number_of_messages_is_harmless() -> None:
    model = register()
    for pk in (model.pk, 10**9):
        registration.execute_check(pk)
    model.refresh_from_db()
    assert model.status == "ready"


def test_a_predictor_is_named_by_model_and_profile() -> None:
    model = register()
    before = registration.predictor_of(model)
    assert before.startswith(f"{model.sha256}:")
    model.profile["output"]["score_threshold"] = 0.5
    assert registration.predictor_of(model) != before


def test_a_check_waits_for_the_storage_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    model = registration.register_model(name="digits", data=loop.model_bytes(), by=StaffFactory(), profile=loop.PROFILE)

    def away(sha256: str) -> bytes:
        raise Refused("storage_unavailable", "The storage does not answer.", status=503)

    with monkeypatch.context() as outage:
        outage.setattr(modelfiles, "read", away)
        for _ in range(10):
            registration.execute_check(model.pk)
    model.refresh_from_db()
    assert (model.status, model.waits_for) == ("checking", "The storage does not answer.")
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert (model.status, model.waits_for) == ("ready", "")


def tried(**changes: object) -> InferenceModel:
    """A model with images to look at, that somebody must accept."""
    loop.put_digits("inputs:night", first=300, count=3)
    return register(at_once=False, sample_images=samples.of_location("inputs:night"), **changes)


def test_a_model_waits_until_its_dry_run_was_looked_at() -> None:
    model = tried()
    assert model.status == "tried"
    said = [sample.prediction["predicted_label"] for sample in model.samples.all()]
    assert len(said) == 3
    assert set(said) <= set(loop.CLASSES)
    assert bytes(model.samples.first().picture).startswith(b"\xff\xd8"), "a JPEG"
    assert model.report["dry_run"]["images"] == 4
    person = StaffFactory()
    registration.accept(model=model, by=person)
    assert (model.status, model.accepted_by) == ("ready", person)
    with pytest.raises(Refused, match="cannot become ready"):
        registration.accept(model=model, by=person)


def test_a_model_that_was_shown_no_image_is_not_accepted() -> None:
    model = register(at_once=False)
    with pytest.raises(Refused, match="tried on no image yet"):
        registration.accept(model=model, by=None)
    assert model.status == "tried"


def test_another_profile_is_tried_on_the_same_file() -> None:
    wrong = {**loop.PROFILE, "input": {**loop.PROFILE["input"], "width": 16}}
    model = tried(profile=wrong)
    assert (model.status, model.error_code) == ("refused", "input_mismatch")
    assert model.report["inspection"]["inputs"][0]["shape"] == [None, 64]
    registration.try_again(model=model, profile=loop.PROFILE, by=None)
    assert (model.status, model.error) == ("checking", "")
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert (model.status, model.version) == ("tried", 1)
    assert model.samples.exclude(prediction=None).count() == 3


def test_answers_to_another_profile_are_forgotten() -> None:
    model = tried()
    registration.try_again(model=model, profile={**loop.PROFILE, "class_names": list("abcdefghij")}, by=None)
    assert not model.samples.exclude(prediction=None).exists()
    with pytest.raises(Refused, match="tried on no image"):
        registration.accept(model=model, by=None)


def test_a_wrong_number_of_names_is_refused_with_both_numbers() -> None:
    model = tried(profile={**loop.PROFILE, "class_names": ["a", "b", "c"]})
    assert (model.status, model.error_code) == ("refused", "length_mismatch")
    assert "10 scores for 3 classes" in model.error


def test_an_image_that_cannot_be_read_says_nothing_about_the_model() -> None:
    loop.put("inputs:night/broken.png", b"no image")
    model = tried()
    assert model.status == "tried"
    broken = model.samples.get(name="broken.png")
    assert broken.prediction is None
    assert "JPEG, PNG" in broken.error
    assert model.samples.exclude(prediction=None).count() == 3


def test_a_ready_model_never_changes_but_gets_a_next_version() -> None:
    model = tried()
    registration.accept(model=model, by=None)
    with pytest.raises(Refused, match="cannot become checking"):
        registration.try_again(model=model, profile=loop.PROFILE, by=None)
    made = registration.new_version(model=model, by=None)
    registration.execute_check(made.pk)
    made.refresh_from_db()
    assert (made.version, made.status, made.sha256) == (2, "tried", model.sha256)
    assert made.samples.count() == 3


def test_a_model_is_fetched_from_a_location_by_the_worker() -> None:
    loop.put("inputs:models/digits.onnx", loop.model_bytes())
    model = register(data=None, location="inputs:models/digits.onnx")
    assert (model.status, model.source, model.size) == ("ready", "inputs:models/digits.onnx", len(loop.model_bytes()))
    assert modelfiles.read(model.sha256) == loop.model_bytes()


def test_a_file_that_went_before_it_was_fetched_is_told(own_storages: Path) -> None:
    loop.put("inputs:models/digits.onnx", loop.model_bytes())
    model = registration.register_model(name="digits", location="inputs:models/digits.onnx", by=None)
    (own_storages / "inputs/models/digits.onnx").unlink()
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert (model.status, model.error_code) == ("refused", "source_not_found")
    with pytest.raises(Refused, match="has no file"):
        registration.try_again(model=model, profile=loop.PROFILE, by=None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + bytes(50), "ZIP archive"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"\x89HDF\r\n\x1a\n", "Keras"),
        (b"<!doctype html>", "HTML"),
        (b'{"a": 1}', "JSON"),
        (b"\x1f\x8b\x08\x00", "gzip"),
    ],
)
def test_what_is_plainly_something_else_is_named(data: bytes, words: str, own_storages: Path) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        register(data=data)
    assert refusal.value.code == "invalid_model"
    assert not InferenceModel.objects.exists()
    assert not [path for path in (own_storages / "models").rglob("*") if path.is_file()]


def test_a_truncated_model_is_refused_in_words() -> None:
    model = register(data=loop.model_bytes()[:-100])
    assert (model.status, model.error_code) == ("refused", "invalid_model")


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("inputs:nothing.onnx", "source_not_found"),
        ("inputs:../x.onnx", "path_not_allowed"),
        ("https://example.com/a.onnx", "scheme_not_allowed"),
        ("models:aa", "scheme_not_allowed"),
    ],
)
def test_a_location_without_a_file_is_refused_at_its_field(place: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        registration.register_model(name="digits", location=place, by=None)
    assert (refusal.value.code, refusal.value.where) == (code, {"field": "location"})
    assert not InferenceModel.objects.exists()


def test_a_file_goes_with_the_last_model_that_has_it(django_capture_on_commit_callbacks) -> None:
    one, other = (
        registration.register_model(name=name, data=loop.model_bytes(), by=None, profile=loop.PROFILE)
        for name in ("one", "other")
    )
    with django_capture_on_commit_callbacks(execute=True):
        registration.delete_model(model=one, by=None)
    assert modelfiles.there(other.sha256)
    with django_capture_on_commit_callbacks(execute=True):
        registration.delete_model(model=other, by=None)
    assert not modelfiles.there(other.sha256)


def test_a_model_in_use_is_not_deleted() -> None:
    service = BatchServiceFactory(name="street nightly")
    with pytest.raises(Refused, match="street nightly use it") as refusal:
        registration.delete_model(model=service.model, by=None)
    assert refusal.value.status == 409
    run = BatchRunFactory()
    run.service.model = InferenceModelFactory()
    run.service.save()
    with pytest.raises(Refused, match="runs were made with it"):
        registration.delete_model(model=run.model, by=None)


def test_what_the_graph_suggests_is_kept_with_the_reasons() -> None:
    model = register(profile=None, at_once=False)
    proposal = model.report["proposal"]
    assert proposal["profile"]["input"]["layout"] == "flat"
    assert {reason["sure"] for reason in proposal["why"].values()} <= {"known", "likely", "guess"}
    assert all(reason["because"].endswith(".") for reason in proposal["why"].values())

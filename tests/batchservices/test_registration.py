"""Models are registered by their bytes and are ready, or refused with the reason, after their dry run."""

import pytest

from batchservices import modelfiles, registration
from batchservices.models import InferenceModel
from config.refusals import Refused
from tests import loop
from tests.factories import StaffFactory

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

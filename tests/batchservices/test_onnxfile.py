"""A model file is judged before any runtime sees it, and its inner layer is found."""

import contextlib
import pickle
import time

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

from batchservices import onnxfile
from config.refusals import Refused
from tests.batchservices.refusals import assert_refusal
from tests.corpus import onnx_models

CONV_NET = onnx_models.conv_net()
GARBAGE = {
    "nothing": b"",
    "random": np.random.default_rng(1).bytes(4000),
    "pickle": pickle.dumps({"weights": [1.0] * 100}),
    "zip": b"PK\x03\x04" + bytes(100),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "truncated": onnx_models.conv_net()[:-100],
    "no graph": ModelProto(ir_version=9, producer_name="nobody").SerializeToString(),
    "no nodes": onnx_models.build([]).SerializeToString(),
}
UNSUPPORTED = {
    "custom domain": (onnx_models.custom_domain, "unsupported_operator"),
    "the runtime's own domain": (onnx_models.contributed, "unsupported_operator"),
    "unknown operator": (onnx_models.unknown_operator, "unsupported_operator"),
    "newer opset": (lambda: onnx_models.of_versions(opset=99), "unsupported_opset"),
    "older opset": (lambda: onnx_models.of_versions(opset=1), "unsupported_opset"),
    "newer format": (lambda: onnx_models.of_versions(ir_version=99), "unsupported_opset"),
    "a million nodes": (lambda: onnx_models.many_nodes(onnxfile.MAX_NODES + 1), "too_large"),
}


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        onnxfile.inspect(data)
    return caught.value


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_n01_what_is_no_model_is_refused(data: bytes) -> None:
    assert_refusal(refusal(data), "invalid_model", field=True)


def test_n01_a_model_beyond_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxfile, "MAX_BYTES", 100)
    error = refusal(onnx_models.conv_net())
    assert (error.code, error.status) == ("too_large", 413)


@pytest.mark.parametrize("build", onnx_models.EXTERNAL.values(), ids=onnx_models.EXTERNAL)
def test_n02_data_in_other_files_is_refused_wherever_it_is_named(build) -> None:
    assert_refusal(refusal(build().SerializeToString()), "external_data_forbidden", field=True)


@pytest.mark.parametrize(("build", "code"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_n04_n05_what_the_runtime_lacks_is_refused_in_time(build, code: str) -> None:
    data = build()
    started = time.monotonic()
    assert_refusal(refusal(data), code, field=True)
    assert time.monotonic() - started < 5


def test_a_name_that_no_database_keeps_is_refused() -> None:
    model = ModelProto.FromString(onnx_models.conv_net())
    model.graph.output[0].name = model.graph.node[-1].output[0] = "scores\0"
    assert_refusal(refusal(model.SerializeToString()), "invalid_model", field=True)


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_damaged_files_are_refused_or_read_never_anything_else(noise: bytes, place: int) -> None:
    damaged = CONV_NET[:place] + noise + CONV_NET[place + len(noise) :]
    with contextlib.suppress(Refused):
        assert onnxfile.inspect(damaged)["nodes"] > 0


def test_what_the_parser_does_not_know_never_reaches_the_runtime() -> None:
    unknown_field = b"\xf2\x7f\x04evil"
    assert b"evil" not in onnxfile.with_output(onnx_models.conv_net() + unknown_field, None)


def test_it_tells_inputs_outputs_and_versions() -> None:
    inspection = onnxfile.inspect(onnx_models.conv_net())
    assert inspection["inputs"] == [{"name": "image", "dtype": "float32", "shape": [1, 3, 8, 8]}]
    assert inspection["outputs"] == [{"name": "scores", "dtype": "float32", "shape": [1, 3]}]
    assert (inspection["opset"], inspection["ir_version"], inspection["nodes"]) == (17, 9, 6)
    assert inspection["final"] == ["Softmax"]


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("kind", ["mlp", "logistic", "forest"])
def test_it_reads_class_names_from_scikit_learns_models(kind: str, zipmap: bool) -> None:
    assert onnxfile.inspect(onnx_models.scikit_learn(kind, zipmap=zipmap))["class_names"] == ["cat", "dog", "fox"]


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (onnx_models.conv_net(), 5),
        (onnx_models.conv_net(ends="Identity"), 5),
        (onnx_models.fully_convolutional(), 5),
        (onnx_models.scikit_learn("mlp"), 16),
        (onnx_models.scikit_learn("mlp", zipmap=False), 16),
    ],
    ids=["conv", "conv to logits", "fully convolutional", "mlp", "mlp without zipmap"],
)
def test_the_tensor_before_the_last_layer_becomes_an_output(data: bytes, length: int) -> None:
    inspection = onnxfile.inspect(data)
    session = onnxruntime.InferenceSession(onnxfile.with_output(data, inspection["activations_tensor"]))
    port = inspection["inputs"][0]
    image = np.zeros([side or 1 for side in port["shape"]], np.float32)
    assert session.run(None, {port["name"]: image})[-1].size == length


@pytest.mark.parametrize("kind", ["logistic", "forest"])
def test_models_without_an_inner_layer_have_no_activations(kind: str) -> None:
    assert onnxfile.inspect(onnx_models.scikit_learn(kind))["activations_tensor"] is None


def test_a_tensor_that_the_model_does_not_compute_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        onnxfile.with_output(onnx_models.conv_net(), "no such tensor")
    assert_refusal(caught.value, "unknown_tensor", field=True)

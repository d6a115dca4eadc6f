"""A model that takes more than the image gets what its profile says, or is refused with the field."""

import hashlib

import onnxruntime
import pytest

from batchservices import inference
from batchservices.companions import companions_of
from batchservices.profile import Input
from config.refusals import Refused
from tests.batchservices.refusals import assert_refusal
from tests.corpus import onnx_exports, onnx_models


def ports(model: bytes) -> list:
    return onnxruntime.InferenceSession(model).get_inputs()


def test_the_size_comes_in_the_order_that_the_model_takes() -> None:
    known = ports(onnx_exports.sized())
    wide = companions_of(known, Input("image", 20, 10, sizes="orig_target_sizes"))
    tall = companions_of(known, Input("image", 20, 10, sizes="orig_target_sizes", sizes_order="height_width"))
    assert (wide["orig_target_sizes"].tolist(), wide["orig_target_sizes"].dtype) == ([[20, 10]], "int64")
    assert tall["orig_target_sizes"].tolist() == [[10, 20]]


def test_a_mask_is_as_large_as_what_the_model_sees() -> None:
    shape = Input("image", 20, 10, sizes="orig_target_sizes", ones="mask")
    mask = companions_of(ports(onnx_exports.sized(masked=True)), shape)["mask"]
    assert mask.shape == (1, 10, 20)
    assert mask.min() == 1


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (Input("image", 8, 8), "unknown_port"),
        (Input("image", 8, 8, sizes="orig_target_sizes"), "unknown_port"),
        (Input("image", 8, 8, sizes="size", ones="mask"), "unknown_port"),
        (Input("image", 8, 8, sizes="mask", ones="orig_target_sizes"), "input_mismatch"),
    ],
    ids=["none", "one of two", "another name", "swapped"],
)
def test_inputs_that_the_profile_does_not_fill_are_refused(shape: Input, code: str) -> None:
    with pytest.raises(Refused) as caught:
        companions_of(ports(onnx_exports.sized(masked=True)), shape)
    assert_refusal(caught.value, code, field=True)


def test_an_input_of_a_terabyte_is_refused() -> None:
    model = onnx_models.build(
        [onnx_models.make_node("ReduceMean", ["mask"], ["scores"])],
        inputs={"image": (1, 3, 8, 8), "mask": (1024, 1024, 1024, 256)},
        outputs={"scores": (1, 1, 1, 1)},
    ).SerializeToString()
    profile = {
        "task": "image_classification",
        "class_names": ["good", "bad"],
        "input": {"name": "image", "width": 8, "height": 8, "ones": "mask"},
        "output": {"kind": "binary_logit", "scores": "scores"},
    }
    with pytest.raises(Refused) as caught:
        inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
    assert_refusal(caught.value, "input_mismatch", field=True)

"""The form of a model's profile, field by field, each with the sentence why it was proposed.

Its fields are those of `batchservices.profile`, so that a new one there appears here.
"""

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from batchservices.model_forms import ClassNamesForm, SampleImagesForm
from batchservices.model_words import FIELD_WORDS, NAMED, kinds_with, value_words
from batchservices.models import InferenceModel
from batchservices.profile import (
    ACTIVATIONS,
    BACKGROUNDS,
    BOX_FORMATS,
    BOX_UNITS,
    COLORS,
    COLUMNS,
    DTYPES,
    KINDS,
    LAYOUTS,
    RESIZES,
    SIZES_ORDERS,
    SUPPRESSIONS,
    Input,
    Output,
)
from batchservices.proposal import IMAGENET_MEAN, IMAGENET_SCALE
from config.refusals import Refused

CHOICES = {
    "kind": tuple(KINDS),
    "layout": LAYOUTS,
    "color": tuple(COLORS),
    "dtype": DTYPES,
    "resize": RESIZES,
    "sizes_order": SIZES_ORDERS,
    "box_format": BOX_FORMATS,
    "box_unit": BOX_UNITS,
    "activation": ACTIVATIONS,
    "background": BACKGROUNDS,
    "columns": COLUMNS,
    "suppression": SUPPRESSIONS,
}
SECTIONS = {"input": Input, "output": Output}
COMPANIONS = frozenset({"sizes", "sizes_order", "ones"})
"""Fields of a model that takes more than the image."""
WHY = {"pixels": "input.scale", "class_names": "class_names", "input_mean": "", "input_scale": ""}
"""Under which field of the profile the sentence of a form's field stands, where it is not of the same name."""

PIXELS: dict[str, tuple[str, list[float], list[float]]] = {
    "255": ("0 to 255, as they are", [0.0], [1.0]),
    "1": ("0 to 1", [0.0], [1 / 255]),
    "imagenet": ("ImageNet's mean and deviation", IMAGENET_MEAN, IMAGENET_SCALE),
    "-1": ("-1 to 1", [127.5], [1 / 127.5]),
}
OWN = "own"


class ProfileForm(SampleImagesForm, ClassNamesForm):
    """The profile of a model field by field, each with the sentence why it was proposed."""

    pixels = forms.ChoiceField(
        label="Pixels become",
        choices=[*((name, words) for name, (words, _, _) in PIXELS.items()), (OWN, "own numbers, as below")],
        widget=UnfoldAdminSelectWidget(),
        help_text="What 0 to 255 is turned into. A model that was trained otherwise sees nothing right.",
    )

    def __init__(self, data: Any = None, files: Any = None, *, model: InferenceModel) -> None:
        super().__init__(data, files)
        inspection, why = model.report.get("inspection", {}), (model.report.get("proposal") or {}).get("why", {})
        for section, parts in SECTIONS.items():
            given = model.profile.get(section, {})
            ports = [port["name"] for port in inspection.get(f"{section}s", [])]
            for part in dataclasses.fields(parts):
                if section == "input" and part.name in COMPANIONS and len(ports) < 2:
                    continue
                field = _field(section, part, ports)
                said = given.get(part.name, None if part.default is dataclasses.MISSING else part.default)
                field.initial = _text(said) if part.name in ("mean", "scale") else said
                self.fields[f"{section}_{part.name}"] = field
                if section == "output":
                    field.kinds = " ".join(sorted(kinds_with(part.name)))  # type: ignore[attr-defined]
        for name, known in self.fields.items():
            known.why = why.get(WHY.get(name, name.replace("_", ".", 1)))  # type: ignore[attr-defined]
        self.fields["class_names"].initial = "\n".join(model.class_names)
        self.fields["pixels"].initial = _pixels(model.profile.get("input", {}))

    def parts(self, *names: str) -> Iterable[forms.BoundField]:
        """Some fields, in this order; a name with an underscore at its end stands for all that begin with it."""
        for name in names:
            for known in self.fields:
                if known == name or (name.endswith("_") and known.startswith(name)):
                    yield self[known]

    @property
    def input_parts(self) -> list[forms.BoundField]:
        chosen = (
            "input_name", "input_width", "input_height", "input_layout", "input_color", "input_resize", "input_dtype",
            "pixels", "input_mean", "input_scale", "input_sizes", "input_sizes_order", "input_ones",
        )  # fmt: skip
        return list(self.parts(*chosen))

    @property
    def output_parts(self) -> list[forms.BoundField]:
        return list(self.parts("output_"))

    @property
    def class_parts(self) -> list[forms.BoundField]:
        return list(self.parts("class_"))

    @property
    def sample_parts(self) -> list[forms.BoundField]:
        return list(self.parts("sample_"))

    def profile(self) -> dict[str, Any]:
        """What the answers say, as `Profile.from_dict` reads it. Raises Refused."""
        said: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        for section in SECTIONS:
            for name, value in self.cleaned_data.items():
                if name.startswith(f"{section}_") and value is not None:
                    said[section][name.removeprefix(f"{section}_")] = value
        if self.cleaned_data["pixels"] != OWN:
            _, said["input"]["mean"], said["input"]["scale"] = PIXELS[self.cleaned_data["pixels"]]
        kind = said["output"]["kind"]
        said["output"] = {part: value for part, value in said["output"].items() if kind in kinds_with(part)}
        return {"task": KINDS[kind].task, "class_names": self.cleaned_data["names"], **said}


class NumbersField(forms.CharField):
    """Some numbers, divided by commas."""

    def clean(self, value: Any) -> list[float] | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return [float(part) for part in re.split(r"[,\s]+", text.strip())]
        except ValueError:
            raise forms.ValidationError("Write one number, or one per channel, divided by commas.") from None


def field_of(refused: Refused) -> str:
    """The field of a form that a refusal names: "output.box_unit" is `output_box_unit`."""
    return str(refused.where.get("field", "")).replace(".", "_")


def _field(section: str, part: dataclasses.Field, ports: list[str]) -> forms.Field:
    """The field of a form for one field of a profile."""
    label, words = FIELD_WORDS.get(f"{section}.{part.name}", (part.name.replace("_", " ").capitalize(), ""))
    about: dict[str, Any] = {"label": label, "help_text": words, "required": False}
    if part.name in CHOICES:
        choices = [(value, value_words(part.name, value)) for value in CHOICES[part.name]]
        return forms.ChoiceField(**about | {"required": True}, choices=choices, widget=UnfoldAdminSelectWidget())
    if part.name in NAMED:
        named = [(name, name) for name in ports]
        choices = named if part.name == "name" else [("", "– none –"), *named]
        return forms.ChoiceField(**about, choices=choices, widget=UnfoldAdminSelectWidget())
    if part.name in ("mean", "scale"):
        return NumbersField(**about, max_length=200, widget=UnfoldAdminTextInputWidget())
    if part.type is bool:
        return forms.BooleanField(**about, widget=UnfoldBooleanSwitchWidget())
    if part.type is int:
        return forms.IntegerField(**about, widget=UnfoldAdminIntegerFieldWidget())
    if part.type is float:
        return forms.FloatField(**about, widget=UnfoldAdminIntegerFieldWidget({"step": "any"}))
    return forms.CharField(**about, max_length=256, widget=UnfoldAdminTextInputWidget())


def _pixels(given: dict[str, Any]) -> str:
    for name, (_, mean, scale) in PIXELS.items():
        if _same(given.get("mean", [0.0]), mean) and _same(given.get("scale", [1.0]), scale):
            return name
    return OWN


def _same(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(one, other, strict=True))


def _text(numbers: Any) -> str:
    return ", ".join(f"{float(number)!r}" for number in numbers) if isinstance(numbers, list | tuple) else ""

"""What people fill in for a model: its file, images to try it on, the names of its classes.

Forms check that an answer is whole; the verbs check the rest. The form of a model's profile stands in `profile_form`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from batchservices import samples
from batchservices.class_names import names_in
from batchservices.profile import MAX_CLASSES
from batchservices.samples import Chosen
from config.refusals import Refused
from datasets.forms import ManyFilesField, ManyFilesInput
from datasets.models import Dataset, Task

MAX_NAMES_BYTES = 2_000_000


class SampleImagesForm(forms.Form):
    """Images to try a model on."""

    sample_location = forms.CharField(
        label="Sample images from a location",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"placeholder": "inputs:street/"}),
        help_text=f"A folder, a manifest or one image, as alias:path; {samples.A_FEW} images are taken.",
    )
    sample_dataset = forms.ModelChoiceField(
        label="… or from a dataset",
        queryset=Dataset.objects.order_by("name"),
        required=False,
        empty_label="– none –",
        widget=UnfoldAdminSelectWidget(),
    )
    sample_files = ManyFilesField(
        label="… or uploaded",
        required=False,
        widget=ManyFilesInput({"accept": "image/jpeg,image/png,image/webp,image/bmp"}),
        help_text=f"At most {samples.MOST} images in all.",
    )

    def chosen(self) -> list[Chosen]:
        """The images that the answers name. Raises Refused with the field of this form."""
        found: list[Chosen] = []
        answers = self.cleaned_data
        with _at("sample_location"):
            found += samples.of_location(answers["sample_location"]) if answers["sample_location"] else []
        with _at("sample_dataset"):
            found += samples.of_dataset(answers["sample_dataset"]) if answers["sample_dataset"] else []
        with _at("sample_files"):
            files = answers["sample_files"][: samples.MOST + 1]
            found += samples.uploaded((file.name, file.read()) for file in files)
        return found


class ClassNamesForm(forms.Form):
    """The names of a model's classes: written, in a file, or those of a dataset."""

    class_names = forms.CharField(
        label="Class names",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 6, "spellcheck": "false"}),
        help_text="One per line, in the order of the model's outputs; or JSON.",
    )
    class_file = forms.FileField(
        label="… or from a file",
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        help_text="One name per line, or JSON: a list, or numbers with names. It takes the place of the list above.",
    )
    class_dataset = forms.ModelChoiceField(
        label="… or the labels of a dataset",
        queryset=Dataset.objects.order_by("name"),
        required=False,
        empty_label="– none –",
        widget=UnfoldAdminSelectWidget(),
        help_text="In the order in which they were made. They take the place of the list above.",
    )

    def clean_class_names(self) -> list[str]:
        return _names(self.cleaned_data["class_names"])

    def clean_class_file(self) -> list[str]:
        file = self.cleaned_data["class_file"]
        if file is None:
            return []
        if file.size > MAX_NAMES_BYTES:
            raise forms.ValidationError(f"A file of names has at most {filesizeformat(MAX_NAMES_BYTES)}.")
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is no text in UTF-8.") from None
        return _names(text) or _refuse("The file names no class.")

    def clean_class_dataset(self) -> list[str]:
        dataset = self.cleaned_data["class_dataset"]
        if dataset is None:
            return []
        names = list(dataset.labels.order_by("pk").values_list("name", flat=True)[: MAX_CLASSES + 1])
        return names or _refuse(f"{dataset.name} has no labels.")

    def clean(self) -> dict[str, Any]:
        """A file, or a dataset, goes before what is written."""
        answers = super().clean() or {}
        if answers.get("class_file") and answers.get("class_dataset"):
            self.add_error("class_dataset", "Choose a file or a dataset, not both.")
        answers["names"] = answers.get("class_file") or answers.get("class_dataset") or answers.get("class_names") or []
        return answers


class RegisterModelForm(SampleImagesForm, ClassNamesForm):
    """An ONNX file, and images to try it on. Its profile is proposed from the file."""

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A name that is there already gets the next version.",
    )
    file = forms.FileField(
        label="ONNX file", required=False, allow_empty_file=True, widget=UnfoldAdminFileFieldWidget({"accept": ".onnx"})
    )
    location = forms.CharField(
        label="… or where it lies",
        required=False,
        max_length=1200,
        widget=UnfoldAdminTextInputWidget({"placeholder": "inputs:models/street.onnx"}),
        help_text="As alias:path.",
    )

    field_order = (
        "name", "file", "location", "sample_location", "sample_dataset", "sample_files", "class_names", "class_file",
        "class_dataset",
    )  # fmt: skip
    sections: ClassVar = {
        "sample_location": ("Try it on", "A few images that the model will meet. What it says is drawn on them."),
        "class_names": ("Classes", "Leave them out where the file names them; they can be written later, too."),
    }

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        limit = settings.MODEL_LIMIT_MIB * 2**20
        if file is not None and file.size > limit:
            raise forms.ValidationError(
                f"The file has {filesizeformat(file.size)}; at most {filesizeformat(limit)} are taken."
            )
        return file

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        if "file" in answers and (answers["file"] is None) == (not answers.get("location")):
            self.add_error("file", "Choose a file, or write where it lies." if not answers["file"] else "Not both.")
        return answers


class ElsewhereForm(forms.Form):
    """A model that another system runs."""

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A name that is there already gets the next version. Another model is another version.",
    )
    task = forms.ChoiceField(label="Model type", choices=Task.choices, widget=UnfoldAdminSelectWidget())
    class_names = forms.CharField(
        label="Class names",
        widget=UnfoldAdminTextareaWidget({"rows": 8}),
        help_text="One per line: those that its predictions may name.",
    )

    def clean_class_names(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["class_names"].splitlines() if line.strip()]


@contextmanager
def _at(field: str) -> Iterator[None]:
    """What is refused inside names this field of the form."""
    try:
        yield
    except Refused as refused:
        raise Refused(refused.code, refused.message, status=refused.status, field=field) from None


def _names(text: str) -> list[str]:
    try:
        return names_in(text)
    except Refused as refused:
        raise forms.ValidationError(refused.message) from None


def _refuse(words: str) -> Any:
    raise forms.ValidationError(words)

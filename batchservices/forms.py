"""What people fill in for models and batch services. Forms check that an answer is whole; the verbs check the rest."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from batchservices.models import BatchService, InferenceModel, ModelStatus
from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads
from datasets.models import Dataset, DatasetVersion, Task, VersionStatus
from hardexamples.models import HardExampleFilter

VERSIONS_OFFERED = 100


def show_refusal(form: forms.Form, refused: Refused, *, otherwise: str | None = None) -> None:
    """Puts the words of a refusal beside the field that it names, or beside `otherwise`, or above the form."""
    named = str(refused.where.get("field", "")).split(".")[0]
    form.add_error(named if named in form.fields else otherwise, refused.message)


class RegisterModelForm(forms.Form):
    """An ONNX file with what it cannot say about itself."""

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="A name that is there already gets the next version.",
    )
    file = forms.FileField(label="ONNX file", widget=UnfoldAdminFileFieldWidget())
    class_names = forms.CharField(
        label="Class names",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 8}),
        help_text="One per line, in the order of the model's outputs. Empty: as the file or the profile says.",
    )
    task = forms.ChoiceField(
        choices=[("", "– as the profile or the file says –"), *Task.choices],
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    profile = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 8, "spellcheck": "false"}),
        help_text="How to feed and read the model, as a JSON object with input and output. "
        "Empty: guessed from the model's signature; look at the guess on the model's page.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        limit = settings.MODEL_LIMIT_MIB * 2**20
        if file.size > limit:
            raise forms.ValidationError(
                f"The file has {filesizeformat(file.size)}; at most {filesizeformat(limit)} are taken."
            )
        return file

    def clean_class_names(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["class_names"].splitlines() if line.strip()]

    def clean_profile(self) -> dict[str, Any] | None:
        text = self.cleaned_data["profile"].strip()
        if not text:
            return None
        try:
            profile = strict_loads(text.encode())
        except Refused as refused:
            raise forms.ValidationError(refused.message) from refused
        if not isinstance(profile, dict):
            raise forms.ValidationError("Write a JSON object: { ... }.")
        return profile

    def clean(self) -> dict[str, Any]:
        """The task and the class names complete a profile that leaves them out."""
        answers = super().clean() or {}
        if answers.get("profile"):
            said = {"task": answers.get("task"), "class_names": answers.get("class_names")}
            answers["profile"] = {key: value for key, value in said.items() if value} | answers["profile"]
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


class DatasetChoiceForm(forms.Form):
    """An existing dataset or the name of a new one, of a labeling type."""

    labeling_type = forms.ChoiceField(choices=Task.choices, widget=UnfoldAdminSelectWidget())
    dataset = forms.ModelChoiceField(
        label="Existing dataset",
        queryset=Dataset.objects.order_by("name"),
        required=False,
        empty_label="– a new one –",
        widget=UnfoldAdminSelectWidget(),
    )
    new_dataset = forms.CharField(
        label="New dataset", required=False, max_length=100, widget=UnfoldAdminTextInputWidget()
    )

    def clean(self) -> dict[str, Any]:
        """Exactly one dataset, of the labeling type."""
        answers = super().clean() or {}
        chosen, name = answers.get("dataset"), answers.get("new_dataset", "")
        if self.dataset_needed(answers) and not chosen and not name:
            self.add_error("dataset", "Choose a dataset, or write the name of a new one.")
        if chosen and name:
            self.add_error("new_dataset", "Choose an existing dataset or name a new one, not both.")
        if chosen and "labeling_type" in answers and chosen.task != answers["labeling_type"]:
            self.add_error("dataset", f"{chosen.name} is a dataset for {chosen.get_task_display().lower()}.")
        return answers

    def dataset_needed(self, answers: dict[str, Any]) -> bool:
        """Whether the form is not whole without a dataset."""
        return True


class SynchronizeForm(DatasetChoiceForm):
    """Into which dataset the inputs of a service go, unlabeled."""


class FilteringForm(DatasetChoiceForm):
    """Hard example filtering of a service: on or off, and where the hard ones go."""

    filtering = forms.BooleanField(
        label="Hard example filtering",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="After each run the filter looks for hard examples and brings them into a dataset.",
    )
    filter = forms.ModelChoiceField(
        queryset=HardExampleFilter.objects.order_by("id"), required=False, widget=UnfoldAdminSelectWidget()
    )
    training_manifest = forms.CharField(
        label="Existing training dataset",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"list": "published_versions"}),
        help_text="The manifest the model was trained on: a published version, or any manifest as alias:path. "
        "Recommended: without it nothing is compared with the training set.",
    )

    label_mapping = forms.CharField(
        label="Classes and labels",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3, "placeholder": "class of the model = label of the dataset"}),
        help_text="One per line, only where they differ: class = label.",
    )

    field_order: Sequence[str] = (
        "filtering",
        "labeling_type",
        "filter",
        "training_manifest",
        "dataset",
        "new_dataset",
        "label_mapping",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["labeling_type"].label = "Model type"
        self.fields["dataset"].label = "Hard example output"
        self.fields["new_dataset"].label = "… or a new dataset"

    def clean_label_mapping(self) -> dict[str, str]:
        mapping = {}
        for line in self.cleaned_data["label_mapping"].splitlines():
            name, equals, label = (part.strip() for part in line.partition("="))
            if line.strip() and not (equals and name and label):
                raise forms.ValidationError(f"Write class = label, not {line.strip()[:80]!r}.")
            if line.strip():
                mapping[name] = label
        return mapping

    def published_versions(self) -> list[tuple[str, str]]:
        """Locations of the newest published manifests, with what they are, to choose from."""
        versions = DatasetVersion.objects.filter(status=VersionStatus.PUBLISHED).select_related("dataset")
        return [(version.manifest, str(version)) for version in versions[:VERSIONS_OFFERED]]

    def dataset_needed(self, answers: dict[str, Any]) -> bool:
        return bool(answers.get("filtering"))

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        if answers.get("filtering") and not answers.get("filter"):
            self.add_error("filter", "Choose how to decide.")
        return answers


class SettingsForm(forms.Form):
    """What a batch service is: its model, its input and its output."""

    name = forms.CharField(max_length=64, widget=UnfoldAdminTextInputWidget())
    description = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget())
    model = forms.ModelChoiceField(
        label="Model and version",
        queryset=InferenceModel.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        help_text="Those that passed their dry run.",
    )
    input_location = forms.CharField(
        label="Input path",
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"placeholder": "inputs:street/"}),
        help_text="A folder or one .manifest, as alias:path.",
    )
    output_location = forms.CharField(
        label="Output path",
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"placeholder": "outputs:street/"}),
        help_text="Where the results are written, as alias:path. An empty folder is best.",
    )
    results_location = forms.CharField(
        label="Results of the other system",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"placeholder": "inputs:their-results/"}),
        help_text="Only for a model that runs elsewhere: a folder, a .manifest or a .jsonl, as alias:path.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = InferenceModel.objects.filter(status=ModelStatus.READY)
        cast(forms.ModelChoiceField, self.fields["model"]).queryset = ready.order_by("name", "-version")


class DeployForm(SettingsForm, FilteringForm):
    """The whole deploy form: the service and its hard example filtering."""

    field_order: Sequence[str] = (*SettingsForm.base_fields, *FilteringForm.field_order)


def settings_of(service: BatchService) -> dict[str, Any]:
    """What `SettingsForm` shows of a service."""
    return {name: getattr(service, name) for name in SettingsForm.base_fields}


def filtering_of(service: BatchService) -> dict[str, Any]:
    """What `FilteringForm` shows of a service; the first filter where none was chosen yet."""
    changed = {name: label for name, label in service.label_mapping.items() if name != label}
    return {
        "filtering": service.filtering,
        "labeling_type": service.model.task,
        "filter": service.filter or HardExampleFilter.objects.order_by("id").first(),
        "training_manifest": service.training_manifest,
        "dataset": service.output_dataset,
        "label_mapping": "\n".join(f"{name} = {label}" for name, label in changed.items()),
    }

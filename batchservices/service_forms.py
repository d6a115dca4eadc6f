"""What people fill in for batch services. Forms check that an answer is whole; the verbs check the rest."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from batchservices.models import LONGEST_TIMEOUT, SHORTEST_TIMEOUT, BatchService, InferenceModel, ModelStatus
from datasets.models import Dataset, DatasetVersion, Task, VersionStatus
from hardexamples.models import HardExampleFilter

VERSIONS_OFFERED = 100
MOST_PROCESSES = 1000


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


class VersionField(forms.ModelChoiceField):
    """A published version, with what it is labeled for."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} · {obj.dataset.get_task_display().lower()}, {obj.sample_count:,} images"


def published_versions() -> QuerySet[DatasetVersion]:
    """Versions with a manifest, the newest first."""
    return DatasetVersion.objects.filter(status=VersionStatus.PUBLISHED).order_by("-id")


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
    training_version = VersionField(
        label="Existing training dataset",
        queryset=DatasetVersion.objects.none(),
        required=False,
        empty_label="– none, or a manifest file –",
        widget=UnfoldAdminSelectWidget(),
        help_text="The published version that the model was trained on. Recommended: without it nothing is compared "
        "with the training set.",
    )
    training_manifest = forms.CharField(
        label="… or a manifest file",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget({"placeholder": "inputs:train/train.manifest"}),
        help_text="As alias:path. Only a manifest says which images were labeled how.",
    )

    field_order: Sequence[str] = (
        "filtering",
        "labeling_type",
        "filter",
        "training_version",
        "training_manifest",
        "dataset",
        "new_dataset",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["labeling_type"].label = "Model type"
        self.fields["dataset"].label = "Hard example output"
        self.fields["new_dataset"].label = "… or a new dataset"
        self.fields["new_dataset"].help_text = "It gets the classes of the model as its labels."
        newest = published_versions().values("pk")[:VERSIONS_OFFERED]
        chosen = self.initial.get("training_version")
        offered = {row["pk"] for row in newest} | ({chosen.pk} if chosen else set())
        versions = DatasetVersion.objects.filter(pk__in=offered).select_related("dataset")
        cast(forms.ModelChoiceField, self.fields["training_version"]).queryset = versions

    def dataset_needed(self, answers: dict[str, Any]) -> bool:
        return bool(answers.get("filtering"))

    def clean(self) -> dict[str, Any]:
        answers = super().clean()
        if answers.get("filtering") and not answers.get("filter"):
            self.add_error("filter", "Choose how to decide.")
        version = answers.get("training_version")
        if version and answers.get("training_manifest"):
            self.add_error("training_manifest", "Choose a published version or name a file, not both.")
        elif version:
            answers["training_manifest"] = version.manifest
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
    processes = forms.IntegerField(
        label="Processes",
        required=False,
        min_value=0,
        max_value=MOST_PROCESSES,
        widget=UnfoldAdminIntegerFieldWidget({"class": "narrow"}),
        help_text="Most workers at once for a run of this service; 0 or empty: all there are.",
    )
    timeout_minutes = forms.IntegerField(
        label="Timeout",
        required=False,
        min_value=0,
        max_value=LONGEST_TIMEOUT,
        widget=UnfoldAdminIntegerFieldWidget({"class": "narrow"}),
        help_text=f"Minutes a run may take, from {SHORTEST_TIMEOUT} on; 0 or empty: as long as it needs. A run that "
        "takes longer fails; what it has predicted is kept.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = InferenceModel.objects.filter(status=ModelStatus.READY)
        cast(forms.ModelChoiceField, self.fields["model"]).queryset = ready.order_by("name", "-version")
        elsewhere = ready.filter(elsewhere=True).values_list("pk", flat=True)
        self.fields["model"].widget.attrs["data-elsewhere"] = " ".join(map(str, elsewhere))  # for elsewhere.js

    def clean_processes(self) -> int:
        return self.cleaned_data["processes"] or 0

    def clean_timeout_minutes(self) -> int:
        return self.cleaned_data["timeout_minutes"] or 0


class DeployForm(SettingsForm, FilteringForm):
    """The whole deploy form: the service and its hard example filtering."""

    field_order: Sequence[str] = (*SettingsForm.base_fields, *FilteringForm.field_order)


def settings_of(service: BatchService) -> dict[str, Any]:
    """What `SettingsForm` shows of a service."""
    return {name: getattr(service, name) for name in SettingsForm.base_fields}


def filtering_of(service: BatchService) -> dict[str, Any]:
    """What `FilteringForm` shows of a service; the first filter where none was chosen yet."""
    version = published_versions().filter(manifest=service.training_manifest).first()
    return {
        "filtering": service.filtering,
        "labeling_type": service.model.task,
        "filter": service.filter or HardExampleFilter.objects.order_by("id").first(),
        "training_version": version,
        "training_manifest": "" if version else service.training_manifest,
        "dataset": service.output_dataset,
    }

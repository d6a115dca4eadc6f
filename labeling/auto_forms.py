"""What people fill in to start auto labeling. The form checks that an answer is whole; the verb checks the rest."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from batchservices.models import InferenceModel, ModelStatus
from config.refusals import Refused
from datasets.models import Dataset, Task
from hardexamples.models import HardExampleFilter
from labeling.auto_labeling import Algorithm, Kind, start_auto_labeling
from labeling.models import AutoLabelingTask

WAYS = {
    "fast": "Active learning, fast: learns from the labeled images",
    "accurate": "Active learning, accurate: learns from the unlabeled images, too",
    "pre_labeling": "Pre-labeling: a model labels",
}


class AutoLabelingForm(forms.Form):
    """How the unlabeled samples of a dataset shall be labeled."""

    way = forms.ChoiceField(label="Type", choices=list(WAYS.items()), widget=UnfoldAdminSelectWidget())
    model = forms.ModelChoiceField(
        queryset=InferenceModel.objects.none(),
        required=False,
        empty_label="built-in descriptor",
        widget=UnfoldAdminSelectWidget(),
        help_text="Pre-labeling: the model that labels. Active learning: what images are compared by, the built-in "
        "descriptor or the activations of a classifier.",
    )
    label_mapping = forms.CharField(
        label="Classes and labels",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3, "placeholder": "class of the model = label of the dataset"}),
        help_text="Pre-labeling: one per line, only where they differ: class = label.",
    )
    filter = forms.ModelChoiceField(
        queryset=HardExampleFilter.objects.order_by("id"),
        label="Hard examples",
        required=False,
        empty_label="Hardmine default",
        widget=UnfoldAdminSelectWidget(),
        help_text="How hard examples are found among the results; the labeled images are the reference.",
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataset = dataset
        models = InferenceModel.objects.filter(task=dataset.task, status=ModelStatus.READY, elsewhere=False)
        self.fields["model"] = forms.ModelChoiceField(
            queryset=models.order_by("name", "-version"),
            required=False,
            empty_label="built-in descriptor" if dataset.task == Task.IMAGE_CLASSIFICATION else "choose a detector",
            widget=self.fields["model"].widget,
            help_text=self.fields["model"].help_text,
        )
        if dataset.task != Task.IMAGE_CLASSIFICATION:
            ways = [(Kind.PRE_LABELING.value, WAYS["pre_labeling"])]
            words = "Active learning labels whole images; boxes need a detector that proposes them."
            self.fields["way"] = forms.ChoiceField(
                label="Type", choices=ways, widget=UnfoldAdminSelectWidget(), help_text=words
            )
            self.fields["model"].help_text = "The detector that labels."

    def clean_label_mapping(self) -> dict[str, str]:
        """Class of the model -> label."""
        mapping = {}
        for line in self.cleaned_data["label_mapping"].splitlines():
            name, equals, label = (part.strip() for part in line.partition("="))
            if line.strip() and not (equals and name and label):
                raise forms.ValidationError(f"Write class = label, not {line.strip()[:80]!r}.")
            if line.strip():
                mapping[name] = label
        return mapping

    def start(self, *, by: User) -> AutoLabelingTask | None:
        """Starts the task; None where it was refused, with the words in the form."""
        words = self.cleaned_data
        learns = words["way"] in Algorithm.values
        try:
            return start_auto_labeling(
                dataset=self.dataset,
                by=by,
                kind=Kind.ACTIVE_LEARNING if learns else Kind.PRE_LABELING,
                algorithm=words["way"] if learns else "",
                model=words["model"],
                label_mapping=words["label_mapping"],
                filter=words["filter"],
            )
        except Refused as refused:
            field = str(refused.where.get("field", ""))
            self.add_error(field if field in self.fields else None, refused.message)
            return None

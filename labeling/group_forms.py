"""What people fill in to start auto grouping. The form checks that an answer is whole; the verb checks the rest."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from batchservices.models import InferenceModel, ModelStatus
from config.refusals import Refused
from datasets.attributes import LONGEST
from datasets.models import Dataset, Task
from labeling.auto.grouping import FEWEST, MOST
from labeling.auto_grouping import MEASURES, start_auto_grouping
from labeling.models import AutoLabelingTask


class AutoGroupingForm(forms.Form):
    """How the unlabeled samples of a dataset shall be grouped."""

    groups = forms.IntegerField(
        label="Groups",
        required=False,
        min_value=FEWEST,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget({"placeholder": "proposed"}),
        help_text=f"{FEWEST} to {MOST}, and fewer than the images. Left empty: as many as there seem to be.",
    )
    attribute = forms.CharField(
        label="Attribute name",
        initial="group",
        max_length=LONGEST,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The group becomes a sample attribute of this name, which the grid can be filtered by. Groups of "
        "before under the same name are replaced.",
    )
    model = forms.ModelChoiceField(
        queryset=InferenceModel.objects.none(),
        label="Compared by",
        required=False,
        empty_label="built-in descriptor",
        widget=UnfoldAdminSelectWidget(),
        help_text="What images look like, or the activations of a classifier.",
    )
    clarity = forms.BooleanField(label="Clarity counts, too", required=False, widget=UnfoldBooleanWidget())
    brightness = forms.BooleanField(label="Brightness counts, too", required=False, widget=UnfoldBooleanWidget())
    color = forms.BooleanField(
        label="Color counts, too",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Each of them weighs about as much as everything else that images are compared by.",
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataset = dataset
        models = InferenceModel.objects.filter(
            task=Task.IMAGE_CLASSIFICATION, status=ModelStatus.READY, elsewhere=False
        ).exclude(activations_tensor="")
        chosen = self.fields["model"]
        assert isinstance(chosen, forms.ModelChoiceField)  # noqa: S101  as declared above
        chosen.queryset = models.order_by("name", "-version")

    def start(self, *, by: User) -> AutoLabelingTask | None:
        """Starts the task; None where it was refused, with the words in the form."""
        words = self.cleaned_data
        try:
            return start_auto_grouping(
                dataset=self.dataset,
                attribute=words["attribute"],
                by=by,
                groups=words["groups"],
                model=words["model"],
                measures=[measure for measure in MEASURES if words[measure]],
            )
        except Refused as refused:
            field = str(refused.where.get("field", ""))
            self.add_error(field if field in self.fields else None, refused.message)
            return None

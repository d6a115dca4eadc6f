"""The filter in people's terms: one weight for each algorithm, 0 is off."""

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from config.refusals import Refused
from hardexamples.models import HardExampleFilter
from hardexamples.notation import (
    MODELARTS_AUGMENTATIONS,
    MODELARTS_THRESHOLD,
    MODELARTS_WEIGHTS,
    format_augmentations,
    format_weights,
    parse_augmentations,
    parse_weights,
)
from hardexamples.rules import rules

MOST = 1000.0
AUGMENTATIONS = format_augmentations(MODELARTS_AUGMENTATIONS)


def number(*, label: str, most: float, step: float, help_text: str, initial: float = 0.0) -> forms.FloatField:
    """A field for a finite number from 0 to `most`."""
    widget = UnfoldAdminDecimalFieldWidget({"step": step, "min": 0, "max": most, "class": "narrow slides"})
    field = forms.FloatField(
        label=label, min_value=0.0, max_value=most, initial=initial, help_text=help_text, widget=widget
    )
    field.widget.attrs["step"] = step
    return field


def weight(label: str, help_text: str) -> forms.FloatField:
    """The weight of one algorithm."""
    return number(label=label, most=MOST, step=0.0001, help_text=help_text)


class FilterForm(forms.ModelForm):
    """Reads and writes `comprehensive_algo_config`; each weight's field has the name of its algorithm."""

    predict_score_mining = weight("Confidence", "The model is unsure of its answer, or found nothing.")
    aug_consistent_mining = weight(
        "Augmentations", "The answer changes when the image is mirrored, cropped or blurred."
    )
    sequential_mining = weight("Sequence", "Images that follow each other look alike but get different answers.")
    clustering_mining = weight("Clusters", "The training images around it belong to another class than the answer.")
    image_similarity_mining = weight("Distance to its class", "It lies far from the training images of that class.")
    feature_distribution_mining = weight(
        "Image and box statistics", "Brightness, sharpness, size or boxes are unlike those of the training set."
    )
    anomaly_detection_mining = weight("Outliers", "It is unlike everything else.")

    algo_hard_threshold = number(
        label="Threshold",
        most=1.0,
        step=0.01,
        initial=MODELARTS_THRESHOLD,
        help_text="From this coefficient on a sample is hard, 0 to 1. Higher: fewer, harder ones.",
    )
    control_share = number(
        label="Control share",
        most=1.0,
        step=0.01,
        initial=0.02,
        help_text="Share of those not flagged that people check as well, without being told: 0.02 is 2 %.",
    )

    class Meta:
        model = HardExampleFilter
        labels: ClassVar = {"aug_op_config": "Augmentation operations"}
        widgets: ClassVar = {"aug_op_config": UnfoldAdminTextInputWidget()}
        fields = ("name", "fusion", "algo_hard_threshold", "control_share", "aug_op_config")
        help_texts: ClassVar = {
            "fusion": "Learned: from the training manifest of the service, with these weights where there is none.",
            "aug_op_config": "operation:weight, joined by +: crop:0.1+fliplr:0.1+gaussianblur:0.1",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.comprehensive_algo_config:
            self.initial = {**weights_of(self.instance), **self.initial}
        elif not set(self.initial) & set(MODELARTS_WEIGHTS):
            self.initial = {**MODELARTS_WEIGHTS, "aug_op_config": AUGMENTATIONS, **self.initial}

        ruled = {rule.algorithm for rule in rules().values()}
        for name in set(MODELARTS_WEIGHTS) - ruled:
            self.fields[name].help_text += " There is no rule for it yet: it has no opinion."

    def clean_aug_op_config(self) -> str:
        text = self.cleaned_data["aug_op_config"].strip()
        try:
            parse_augmentations(text)
        except Refused as refused:
            raise forms.ValidationError(str(refused)) from refused
        return text

    def clean(self) -> dict[str, Any]:
        """Writes the weights above 0 in ModelArts' notation."""
        answers = super().clean() or {}
        weights = {name: answers[name] for name in MODELARTS_WEIGHTS if answers.get(name)}
        if not weights and not self.errors:
            raise forms.ValidationError("At least one algorithm needs a weight above 0.")
        self.instance.comprehensive_algo_config = format_weights(weights)
        return answers


def weights_of(row: HardExampleFilter) -> dict[str, float]:
    """The weight of every algorithm of a filter, 0 for those that are off."""
    return dict.fromkeys(MODELARTS_WEIGHTS, 0.0) | parse_weights(row.comprehensive_algo_config)

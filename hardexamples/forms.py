"""The filter in people's terms: one number for each algorithm and each augmentation, 0 is off."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from config.refusals import Refused
from hardexamples.filters import MOST_HARD, MOST_LOOKED_AT_AGAIN, MOST_SECONDS, FilterChoices
from hardexamples.models import HardExampleFilter
from hardexamples.notation import (
    AUGMENTATIONS,
    MODELARTS_WEIGHTS,
    format_augmentations,
    format_weights,
    parse_augmentations,
    parse_weights,
)

MOST = 1000.0
OPERATION = "op_"  # before the name of an operation in the name of its field
OPERATIONS = tuple(f"{OPERATION}{name}" for name in AUGMENTATIONS)


def number(*, label: str, most: float, step: float, help_text: str = "", initial: float = 0.0) -> forms.FloatField:
    """A field for a finite number from 0 to `most`, with a slider."""
    widget = UnfoldAdminDecimalFieldWidget({"step": step, "min": 0, "max": most, "class": "narrow slides"})
    field = forms.FloatField(
        label=label, min_value=0.0, max_value=most, initial=initial, help_text=help_text, widget=widget
    )
    field.widget.attrs["step"] = step
    return field


def count(*, label: str, least: int, most: int, help_text: str, required: bool = True) -> forms.IntegerField:
    """A field for a whole number."""
    widget = UnfoldAdminIntegerFieldWidget({"class": "narrow"})
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, help_text=help_text, required=required, widget=widget
    )


def weight(label: str, help_text: str) -> forms.FloatField:
    """The weight of one algorithm."""
    return number(label=label, most=MOST, step=0.0001, help_text=help_text)


def operation(label: str) -> forms.FloatField:
    """The weight of one augmentation, which may be left empty for 0."""
    field = number(label=label, most=MOST, step=0.01)
    field.required = False
    return field


def notation(help_text: str) -> forms.CharField:
    """The same numbers as ModelArts writes them; notation.js keeps both alike."""
    widget = UnfoldAdminTextareaWidget({"rows": 2, "class": "notation", "spellcheck": "false"})
    return forms.CharField(
        label="In ModelArts' notation", required=False, max_length=4096, help_text=help_text, widget=widget
    )


class FilterForm(forms.ModelForm):
    """Each weight's field has the name of its algorithm or, after `op_`, of its operation. Beside the fields stand the
    same numbers in ModelArts' notation; whichever of the two was changed counts."""

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
    comprehensive_algo_config = notation("algorithm:weight, joined by +. Paste it here to take it over.")

    op_gaussianblur = operation("Blur")
    op_fliplr = operation("Mirror left and right")
    op_crop = operation("Crop")
    op_flipud = operation("Turn upside down")
    op_scale = operation("Scale")
    op_translate = operation("Move")
    op_shear = operation("Shear")
    op_superpixels = operation("Superpixels")
    op_sharpen = operation("Sharpen")
    op_add = operation("Brighter or darker")
    op_invert = operation("Invert colors")
    aug_op_config = notation("operation:weight, joined by +; empty for none. Paste it here to take it over.")

    algo_hard_threshold = number(
        label="Threshold",
        most=1.0,
        step=0.01,
        help_text="From this hard coefficient on a sample is hard, 0 to 1. Higher: fewer, harder ones.",
    )
    control_share = number(
        label="Control share",
        most=1.0,
        step=0.01,
        help_text="Share of those not flagged that people check as well, without being told: 0.02 is 2 %. "
        "Only this tells how many errors the filter misses.",
    )
    cap = count(
        label="Never more than",
        least=1,
        most=MOST_HARD,
        required=False,
        help_text="hard examples of one run: the hardest, and unlike each other. Empty: all.",
    )
    second_look_images = count(
        label="Images",
        least=0,
        most=MOST_LOOKED_AT_AGAIN,
        help_text="At most so many undecided images of a run are changed and shown to the model again; 0 for none.",
    )
    second_look_seconds = count(
        label="Seconds",
        least=0,
        most=MOST_SECONDS,
        help_text="After so many seconds no further image is begun. What was not shown again says no opinion.",
    )

    class Meta:
        model = HardExampleFilter
        fields = ("name", "fusion", "measure", "applies_proposals")
        labels: ClassVar = {
            "fusion": "Weights",
            "measure": "Measure of doubt",
            "applies_proposals": "Apply by itself",
        }
        widgets: ClassVar = {
            "fusion": UnfoldAdminRadioSelectWidget(),
            "applies_proposals": UnfoldBooleanSwitchWidget(),
        }
        help_texts: ClassVar = {
            "fusion": "Learned: from the training manifest of the service, with the weights below where there is none.",
            "measure": "How unsure the model is of its answer. The margin found most errors in our measurements.",
            "applies_proposals": "Weights that reviews propose are used from the next run on, as soon as they did "
            "better on reviews held out. You can go back at any time.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        shown = FilterChoices.of(row) if row.comprehensive_algo_config else FilterChoices()
        self.initial = {**numbers_of(shown), **{name: getattr(shown, name) for name in ALIKE}, **self.initial}

    def clean_comprehensive_algo_config(self) -> str:
        return _read(self.cleaned_data["comprehensive_algo_config"], parse_weights, format_weights)

    def clean_aug_op_config(self) -> str:
        return _read(self.cleaned_data["aug_op_config"], parse_augmentations, format_augmentations)

    def clean(self) -> dict[str, Any]:
        """Makes one notation of what the fields and the pasted text say."""
        answers = super().clean() or {}
        if self.errors:
            return answers
        self._agree("comprehensive_algo_config", tuple(MODELARTS_WEIGHTS), format_weights)
        self._agree("aug_op_config", OPERATIONS, format_augmentations)
        if not self.cleaned_data.get("comprehensive_algo_config") and not self.errors:
            raise forms.ValidationError("At least one algorithm needs a weight above 0.")
        return answers

    def choices(self) -> FilterChoices:
        """What a valid form says."""
        return FilterChoices(**{name: self.cleaned_data[name] for name in FilterChoices.__dataclass_fields__})

    def _agree(self, name: str, fields: tuple[str, ...], written: Callable[[Mapping[str, float]], str]) -> None:
        """Leaves in `name` what was changed: the numbers of `fields`, or the text."""
        numbers = {each: self.cleaned_data[each] or 0.0 if each in self.data else self.initial[each] for each in fields}
        said = written({each.removeprefix(OPERATION): value for each, value in numbers.items() if value})
        changed = set(self.changed_data) & set(self.data)
        if name not in changed:
            self.cleaned_data[name] = said if changed & set(fields) else self.initial[name]
        elif changed & set(fields) and _numbers(self.cleaned_data[name]) != _numbers(said):
            self.add_error(name, "The fields and this text were changed and say different things. Change one of them.")


ALIKE = (
    "comprehensive_algo_config", "aug_op_config", "algo_hard_threshold", "control_share", "cap", "second_look_images",
    "second_look_seconds",
)  # fmt: skip


def numbers_of(choices: FilterChoices) -> dict[str, float]:
    """The number of each algorithm's and each operation's field, 0 for those that are off."""
    weights = dict.fromkeys(MODELARTS_WEIGHTS, 0.0) | parse_weights(choices.comprehensive_algo_config)
    operations = dict.fromkeys(AUGMENTATIONS, 0.0) | parse_augmentations(choices.aug_op_config)
    return weights | {f"{OPERATION}{name}": value for name, value in operations.items()}


def weights_of(row: HardExampleFilter) -> dict[str, float]:
    """The weight of every algorithm of a filter, 0 for those that are off."""
    return dict.fromkeys(MODELARTS_WEIGHTS, 0.0) | parse_weights(row.comprehensive_algo_config)


def _read(text: str, parse: Callable[[str], Mapping[str, float]], written: Callable[[Mapping[str, float]], str]) -> str:
    if not text.strip():
        return ""
    try:
        return written(parse(text))
    except Refused as refused:
        raise forms.ValidationError(str(refused)) from refused


def _numbers(text: str) -> dict[str, str]:
    """Name by number of a notation that was read, without those that are 0."""
    pairs = (part.split(":") for part in text.split("+") if part)
    return {name: said for name, said in pairs if float(said)}

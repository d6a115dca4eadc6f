"""The forms of datasets in the admin. They read what people typed; the verbs decide."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from datasets import importing
from datasets.models import Dataset, ImportFormat, ImportTask, Label, Task


class DatasetForm(forms.ModelForm):
    """The words of a dataset."""

    class Meta:
        model = Dataset
        fields = ("name", "task", "description")


class NewDatasetForm(DatasetForm):
    """A dataset to be made, with the names of its labels."""

    label_names = forms.CharField(
        label="Labels",
        required=False,
        max_length=200_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="One name per line. More can be added later.",
    )

    def clean_label_names(self) -> list[str]:
        """The lines that hold a name."""
        return [line.strip() for line in self.cleaned_data["label_names"].splitlines() if line.strip()]


class LabelFormSet(forms.BaseInlineFormSet):
    """The labels of a dataset, edited in place: each name and each shortcut once."""

    def clean(self) -> None:
        """What the database would refuse is said beside its field."""
        super().clean()
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        others = Label.objects.filter(dataset=self.instance).exclude(pk__in=[form.instance.pk for form in self.forms])
        for field in ("name", "shortcut"):
            taken = set(others.values_list(field, flat=True))
            for form in kept:
                value = form.cleaned_data.get(field)
                if value and value in taken:
                    form.add_error(field, f"Another label of this dataset has the {field} {value[:100]}.")
                taken.add(value)

    def save(self, commit: bool = True) -> list:
        """Shortcuts that change are given up first, so that two labels can swap theirs."""
        changing = [form.instance.pk for form in self.initial_forms if "shortcut" in form.changed_data]
        Label.objects.filter(dataset=self.instance, pk__in=changing).update(shortcut="")
        return super().save(commit)


class ManyFilesInput(forms.ClearableFileInput):
    """The browser's own choice of several files."""

    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"

    def render(self, name: str, value: Any, attrs: dict | None = None, renderer: Any = None) -> SafeString:
        """With a text field that nobody sees: Unfold's script writes a chosen file's name into the first one nearby."""
        return format_html(
            '<span><input type="text" disabled hidden>{}</span>', super().render(name, value, attrs, renderer)
        )


class ManyFilesField(forms.FileField):
    """Several uploads; the value is their list."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list:
        """Each file is checked as a single one would be."""
        files = data if isinstance(data, (list, tuple)) else [data] if data else []
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class ImportForm(forms.Form):
    """Images from the browser, or from a location."""

    uploads = ManyFilesField(
        label="Images or ZIP archives",
        required=False,
        widget=ManyFilesInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/bmp,application/zip,.zip"}),
        help_text="JPEG, PNG, WebP or BMP, as many as you like, or ZIP archives of them.",
    )
    location = forms.CharField(
        label="or a location",
        required=False,
        max_length=1200,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "inputs:street/", "list": "locations"}),
        help_text="A folder, or a manifest, as alias:path; inputs: alone is the whole folder for images on the server.",
    )
    format = forms.ChoiceField(choices=ImportFormat.choices, widget=UnfoldAdminSelectWidget)
    final_annotation = forms.BooleanField(
        label="Labels are final",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Off: samples that come with labels wait in To Be Confirmed.",
    )
    difficult_only = forms.BooleanField(
        label="Import only hard examples",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Of a manifest only the lines that say hard.",
    )

    def __init__(self, *args: Any, dataset: Dataset) -> None:
        super().__init__(*args)
        self.dataset = dataset
        if dataset.task != Task.IMAGE_CLASSIFICATION:
            directories = ImportFormat.DIRECTORIES.value
            choices = [choice for choice in ImportFormat.choices if choice[0] != directories]
            self.fields["format"] = forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget)

    @property
    def locations(self) -> list[str]:
        """The locations that people may name."""
        return [f"{alias}:" for alias in sorted(settings.LOCATIONS)]

    def clean(self) -> dict[str, Any]:
        """Files or a location, not both and not neither."""
        words = super().clean() or {}
        if not self.errors and bool(words.get("uploads")) == bool(words.get("location")):
            raise forms.ValidationError("Choose files, or name a location: one of the two.")
        return words

    def start(self, *, by: User) -> ImportTask:
        """Begins the import. Raises Refused."""
        words = self.cleaned_data
        return importing.start_import(
            dataset=self.dataset,
            by=by,
            location=words["location"],
            uploads=self._files(),
            format=words["format"],
            final_annotation=words["final_annotation"],
            difficult_only=words["difficult_only"],
        )

    def _files(self) -> Iterator[tuple[str, BinaryIO]]:
        for file in self.cleaned_data["uploads"]:
            yield file.name, file


class PublishForm(forms.Form):
    """What a version is called and what it holds."""

    name = forms.CharField(
        required=False,
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "V001, V002, ..."}),
        help_text="Letters, digits, _ and -. Empty: the next number.",
    )
    description = forms.CharField(required=False, max_length=256, widget=UnfoldAdminTextInputWidget)
    hard_examples = forms.BooleanField(
        label="Hard examples",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Write hardness, coefficient and reasons into the manifest.",
    )
    train_ratio = forms.FloatField(
        label="Share of TRAIN",
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.01", "placeholder": "no split"}),
        help_text="0.8 makes 80 % of the samples without a usage TRAIN and the rest EVAL. Empty: no split.",
    )


class TargetForm(forms.Form):
    """Where confirmed samples shall be added."""

    target = forms.ModelChoiceField(
        Dataset.objects.order_by("name"), label="Dataset", widget=UnfoldAdminSelectWidget, empty_label=None
    )

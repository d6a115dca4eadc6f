"""The forms of datasets in the admin. They read what people typed; the verbs decide."""

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from datasets.models import Dataset


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

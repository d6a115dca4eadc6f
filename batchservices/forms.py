"""What people fill in for models, and where words of a refusal stand. Forms check that an answer is whole; the verbs
check the rest."""

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads
from datasets.models import Task


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

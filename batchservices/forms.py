"""What people fill in for models, and where words of a refusal stand. Forms check that an answer is whole; the verbs
check the rest."""

from django import forms

from config.refusals import Refused


def show_refusal(form: forms.Form, refused: Refused, *, otherwise: str | None = None) -> None:
    """Puts the words of a refusal beside the field that it names, or beside `otherwise`, or above the form."""
    named = str(refused.where.get("field", "")).split(".")[0]
    form.add_error(named if named in form.fields else otherwise, refused.message)

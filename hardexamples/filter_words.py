"""The settings of a filter in the words of its form, for pages that show them frozen."""

from collections.abc import Iterator, Mapping
from typing import Any

from config.figures import table_rows
from hardexamples.forms import FilterForm
from hardexamples.models import HardExampleFilter

FIELDS = {
    "threshold": "algo_hard_threshold",
    "fusion": "fusion",
    "measure": "measure",
    "control_share": "control_share",
    "cap": "cap",
    "second_look_images": "second_look_images",
    "second_look_seconds": "second_look_seconds",
}
"""The field of the form that a setting is set by."""
OWN_WORDS = {
    "cap": "Never more hard examples than",
    "control_cap": "Never more control images than",
    "second_look_images": "Images shown to the model again, at most",
    "second_look_seconds": "Seconds for that",
    "random_state": "Seed",
}
"""Where the form says it by the words around a field, or has none."""
CHOICES = {"fusion": HardExampleFilter.Fusion, "measure": HardExampleFilter.Measure}
OFF = "off"


def settings_lines(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Frozen settings as the rows of a table.

    Args:
        settings: as `FilterSettings.as_dict`, or {}.
    """
    return list(_lines(settings))


def _lines(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if name == "weights":
            yield from ((f"{_label(algorithm)}, weight", _weight(weight)) for algorithm, weight in value.items())
        elif name == "augmentations":
            changes = (f"{_label(f'op_{operation}').lower()} {weight:g}" for operation, weight in value.items())
            yield "Images are changed by", ", ".join(changes) or OFF
        elif name in CHOICES and value in CHOICES[name].values:
            yield _label(FIELDS[name]), str(CHOICES[name](value).label)
        else:
            label = OWN_WORDS.get(name) or _label(FIELDS.get(name, name))
            yield label, "any number" if name == "cap" and value is None else table_rows(value)[0][1]


def _weight(weight: float) -> str:
    return f"{weight:g}" if weight else OFF


def _label(field: str) -> str:
    found = FilterForm.base_fields.get(field)
    return str(found.label) if found is not None and found.label else field.replace("_", " ").capitalize()

"""The manifest that a model was trained on: that it is one, and that it labels for what the model predicts."""

from itertools import islice

from batchservices.inputs import is_manifest
from config.refusals import Refused
from datasets import locations
from datasets.formats.manifest import CLASSIFICATION, DETECTION, read_manifest
from datasets.models import Task

FIRST_LINES = 1000
"""How many lines a request looks at; the filter's task looks at all."""

TASKS = {CLASSIFICATION: Task.IMAGE_CLASSIFICATION, DETECTION: Task.OBJECT_DETECTION}


def check_training(manifest: str, *, task: str, lines: int | None = None) -> None:
    """Holds a training manifest against a model, by the first line that labels an image.

    Args:
        manifest: `alias:path`, or "" for none.
        task: what the model predicts.
        lines: how many lines to look at; None: until one labels an image.

    Raises:
        Refused: not_a_manifest; type_mismatch; nothing_labeled, where the manifest was read to its end; as
            `datasets.locations.open_file` and `datasets.formats.manifest.read_manifest`; all at "training_manifest".
    """
    if not manifest:
        return
    try:
        _check(manifest, task, lines)
    except Refused as error:
        raise Refused(error.code, error.message, status=error.status, field="training_manifest") from None


def _check(manifest: str, task: str, lines: int | None) -> None:
    if not is_manifest(manifest):
        words = "Only a .manifest file says which images were labeled how; name one, such as that of a version."
        raise Refused("not_a_manifest", words)
    seen = 0
    with locations.open_file(locations.parse(manifest)) as stream:
        for line in islice(read_manifest(stream), lines):
            seen += 1
            if line.value is None or not line.value.annotations:
                continue
            labeled_for = TASKS[line.value.annotations[0].type]
            if labeled_for != task:
                words = f"{manifest} labels images for {labeled_for.label.lower()}, the model is for "
                words += f"{Task(task).label.lower()}. Name the manifest that the model was trained on."
                raise Refused("type_mismatch", words)
            return
    if lines is None or seen < lines:
        words = f"No line of {manifest} labels an image, so there is nothing to compare with. Publish a version first."
        raise Refused("nothing_labeled", words)

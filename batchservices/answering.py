"""Where the answers about a run's inputs come from: the one place that knows.

Whoever executes a run asks here what the sandbox shall run, and what is read for it about each input; how many are
read ahead, and how many the sandbox is given at once, is for the one who executes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from batchservices import child
from batchservices.foreign_results import words_at
from batchservices.keeping import has_spoken, kept
from batchservices.models import BatchRun, RunItem
from config.refusals import Refused
from datasets import locations
from datasets.images import MAX_BYTES


@dataclass(frozen=True)
class Answering:
    """How the inputs of one run are answered.

    Attributes:
        load: has the sandbox of this worker ready; raises Refused.
        function: what the sandbox runs on a question, as `module:function`; its value is an answer as
            `batchservices.inference.predict_image` has it.
        read: what the sandbox is asked about an item: the bytes of its image, with what another system said of it
            where one has. It may be called in any thread, asks storages alone and no database, and raises Refused.
        kept: by an image's content address, the answer that is kept of an earlier run (`batchservices.keeping.kept`);
            None where there is none, and the sandbox must be asked. It reads the database. None where nothing is kept.
    """

    load: Callable[[], None]
    function: str
    read: Callable[[RunItem], Any]
    kept: Callable[[str], dict[str, Any] | None] | None


def answering(run: BatchRun) -> Answering:
    """How the inputs of a run are answered: by its model, in the sandbox, or by what it has said before; or by what
    another system said, which the sandbox checks."""
    if run.results_location:
        return Answering(partial(child.expect, run), child.CHECK_ANSWER, _image_and_answer, None)
    keeps = not run.again and has_spoken(run)
    return Answering(partial(child.load, run), child.PREDICT_IMAGE, _image, partial(kept, run) if keeps else None)


def _image(item: RunItem) -> bytes:
    return locations.read(locations.parse(item.location), limit=MAX_BYTES)


def _image_and_answer(item: RunItem) -> dict[str, bytes]:
    if item.said is None:
        raise Refused("no_answer", "The other system has no result for this image.")
    data = _image(item)
    try:
        return {"data": data, "said": words_at(item.said)}
    except Refused as refused:
        raise Refused(refused.code, f"Its result: {refused.message}", status=refused.status) from None

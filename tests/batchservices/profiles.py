"""Profiles that tests need, with what matters to them."""

from batchservices.profile import Profile

CLASSES = ["cat", "dog", "fox"]


def detector(side: int = 160, *, resize: str = "stretch", names: list[str] = CLASSES, **output: object) -> Profile:
    return Profile.from_dict(
        {
            "task": "object_detection",
            "class_names": names,
            "input": {"name": "image", "width": side, "height": side, "resize": resize},
            "output": output,
        }
    )


def classifier(kind: str, names: list[str] = CLASSES) -> Profile:
    return Profile.from_dict(
        {
            "task": "image_classification",
            "class_names": names,
            "input": {"name": "image", "width": 8, "height": 8},
            "output": {"kind": kind, "scores": "scores"},
        }
    )

"""The names of a model's classes as people keep them: a line each, or JSON."""

from typing import Any

from batchservices.profile import MAX_CLASSES
from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads


def names_in(text: str) -> list[str]:
    """The names in a text, in the order of the model's outputs.

    Args:
        text: one name per line, empty lines and lines that begin with # left out; or a JSON list of names; or a JSON
            object that gives each number from 0 on its name ({"0": "cat", "1": "dog"}), or each name its number.

    Raises:
        Refused: bad_class_names, too_many_classes, as `strict_loads`.
    """
    text = text.strip().removeprefix("\ufeff")
    if text.startswith(("[", "{")):
        names = _of_json(strict_loads(text.encode()))
    else:
        lines = (line.strip() for line in text.splitlines())
        names = [line for line in lines if line and not line.startswith("#")]
    if len(names) > MAX_CLASSES:
        words = f"These are {len(names):,} names; a model has at most {MAX_CLASSES:,} classes."
        raise Refused("too_many_classes", words, field="class_names")
    return names


def _of_json(value: Any) -> list[str]:
    if isinstance(value, dict):
        by_number = all(key.isascii() and key.isdecimal() for key in value)
        pairs = [(int(key), said) if by_number else (said, key) for key, said in value.items()]
        if not all(type(number) is int and isinstance(name, str) for number, name in pairs):
            raise _bad("Give each number its name, or each name its number.")
        if sorted(number for number, _ in pairs) != list(range(len(pairs))):
            raise _bad("The numbers of the classes must go from 0 on, each once.")
        return [name for _, name in sorted(pairs)]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _bad("Write a list of names, or an object that gives each number its name.")
    return value


def _bad(words: str) -> Refused:
    return Refused("bad_class_names", words, field="class_names")

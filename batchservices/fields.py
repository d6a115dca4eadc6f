"""Reads a JSON object field by field; what it refuses, it refuses with the field's name. Plain values, no Django."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from config.refusals import Refused

MAX_TEXT = 256


class Fields:
    """The keys of one JSON object, taken one by one; errors name the field.

    Args:
        values: what should be the object.
        prefix: what stands before its keys in an error, as "input.".
        target: the class whose attributes are the known keys.

    Raises:
        Refused: bad_profile for no object and for unknown keys.
    """

    def __init__(self, values: Any, prefix: str, target: type) -> None:
        self.prefix = prefix
        if not isinstance(values, Mapping):
            raise refused(prefix.rstrip(".") or "profile", "must be an object")
        self.values = values
        unknown = sorted(str(key) for key in values if key not in target.__annotations__)
        if unknown:
            raise refused(f"{prefix}{unknown[0][:MAX_TEXT]}", "is not a known field")

    def take[T](self, key: str, read: Callable[[Any], T], default: T | None = None) -> T:
        """The value of a key as `read` understands it. Raises Refused where it is missing and has no default."""
        if key not in self.values:
            if default is None:
                raise refused(f"{self.prefix}{key}", "is missing")
            return default
        try:
            return read(self.values[key])
        except ValueError as error:
            raise refused(f"{self.prefix}{key}", str(error)) from None

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """The value of a key that is one of these words."""

        def read(value: Any) -> str:
            if not isinstance(value, str) or value not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            return value

        return self.take(key, read, default)


def refused(field: str, words: str) -> Refused:
    """The refusal of a profile for one of its fields."""
    return Refused("bad_profile", f"In the profile, {field} {words}.", field=field)


# Each of these reads one value, and raises ValueError with words that follow the field's name.


def text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"must be text of at most {MAX_TEXT} printable characters")
    return value


def name(value: Any) -> str:
    if not text(value).strip():
        raise ValueError("must not be empty")
    return value


def names(value: Any, *, most: int) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= most:
        raise ValueError(f"must be a list of 1 to {most:,} names")
    read = tuple(name(each) for each in value)
    if len(set(read)) < len(read):
        raise ValueError("names a class twice")
    return read


def whole(value: Any, *, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 1e6:
        raise ValueError("must be finite numbers of at most a million")
    return float(value)


def numbers(value: Any, channels: int) -> tuple[float, ...]:
    read = tuple(map(number, value)) if isinstance(value, list | tuple) else (number(value),)
    if len(read) not in (1, channels):
        raise ValueError(f"must be one number, or {channels} of them")
    return read


def fraction(value: Any) -> float:
    read = number(value)
    if not 0 <= read <= 1:
        raise ValueError("must be from 0 to 1")
    return read

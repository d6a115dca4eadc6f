"""Checked values of one object of a manifest, and what the formats share: labels and reason codes as text."""

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from config.refusals import Refused

OWN_REASONS = "hardmine:reasons"
FIRST_OWN_REASON = 100
MAX_LABEL = 1024
MAX_LABEL_BYTES = 2048  # of UTF-8: PostgreSQL takes 2,704 a row of an index, and the queue's have a file's name, too
MAX_TEXT = 2048

_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_REASONS = re.compile(r"\d{1,4}(-\d{1,4})*", re.ASCII)


def label_name(text: str) -> str | None:
    """The label that a text means: without blanks around it. None if it cannot be one: empty, longer than
    1,024 characters or 2,048 bytes of UTF-8, or with line breaks or control characters."""
    name = text.strip()
    bad = any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)
    fits = not bad and 1 <= len(name) <= MAX_LABEL and len(name.encode()) <= MAX_LABEL_BYTES
    return name if fits else None


def reason_codes(text: str) -> tuple[int, ...] | None:
    """The codes of a text such as "1-20"; none for an empty one; None if it is something else."""
    if not text:
        return ()
    if len(text) > MAX_TEXT or not _REASONS.fullmatch(text):
        return None
    return tuple(int(code) for code in text.split("-"))


def joined(codes: Iterable[int]) -> str:
    """The text of reason codes, such as "1-20"."""
    return "-".join(map(str, codes))


def ordered(codes: Iterable[int]) -> tuple[int, ...]:
    """ModelArts' codes in their order, then ours in theirs, none twice: what survives being written and read."""
    return tuple(sorted(dict.fromkeys(codes), key=lambda code: code >= FIRST_OWN_REASON))


class Fields:
    """The values of one object under their official keys, each checked when taken."""

    def __init__(self, value: dict[str, Any], known: frozenset[str], *, line: int, prefix: str) -> None:
        self.line = line
        self.prefix = prefix
        self.values: dict[str, Any] = {}
        unknown = []
        for key, inner in value.items():
            official = key.replace("_", "-")
            if official not in known:
                unknown.append(key)
            elif official in self.values:
                raise self.refused(official, "duplicate_key", f"{official} stands twice, in two spellings.")
            else:
                self.values[official] = inner
        self.ignored = tuple(unknown)

    def refused(self, key: str, code: str, words: str) -> Refused:
        """A refusal that says line and field."""
        return Refused(code, words, line=self.line, field=self.prefix + key)

    def get(self, key: str) -> Any:
        """The value as it stands, None where there is none."""
        return self.values.get(key)

    def text(self, key: str) -> str | None:
        """Text, or None."""
        value = self.get(key)
        if not isinstance(value, str | None):
            raise self.refused(key, "wrong_type", f"{key} must be text.")
        if value is not None and len(value) > MAX_TEXT and key != "name":
            raise self.refused(key, "wrong_value", f"{key} is longer than {MAX_TEXT:,} characters.")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """One of some words in upper case, or None."""
        value = self.text(key)
        if not value:
            return None
        if value.upper() not in choices:
            raise self.refused(key, "wrong_value", f"{key} must be one of {', '.join(choices)}.")
        return value.upper()

    def truth(self, key: str) -> bool | None:
        """True or false in any of the spellings in use, or None."""
        value = self.get(key)
        if value is None:
            return None
        found = _TRUTH.get(str(value).lower()) if isinstance(value, str | bool | int | float) else None
        if found is None:
            raise self.refused(key, "wrong_value", f"{key} must be true or false.")
        return found

    def share(self, key: str) -> float | None:
        """A number from 0 to 1, also as text, or None."""
        value = self.get(key)
        if value is None:
            return None
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except ValueError:
            number = math.nan
        if isinstance(value, bool) or math.isnan(number):
            raise self.refused(key, "wrong_type", f"{key} must be a number.")
        if not 0 <= number <= 1:
            raise self.refused(key, "out_of_range", f"{key} must be between 0 and 1.")
        return number

    def reasons(self, key: str) -> tuple[int, ...]:
        """ModelArts' reason codes."""
        codes = self._codes(key, self.get(key))
        if any(code >= FIRST_OWN_REASON for code in codes):
            raise self.refused(key, "wrong_value", f"{key} holds codes below {FIRST_OWN_REASON} only.")
        return codes

    def time(self, key: str) -> datetime | None:
        """A moment in UTC; without a zone it is taken as UTC; or None."""
        value = self.text(key)
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value).replace(microsecond=0)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            words = f"{key} must be a date and time such as 2026-11-01 10:00:00."
            raise self.refused(key, "bad_date", words) from None

    def property(self) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Our own reasons taken out of the rest."""
        value = self.get("property")
        if not isinstance(value, dict | None):
            raise self.refused("property", "wrong_type", "property must be an object.")
        rest = dict(value or {})
        return rest, self._codes(f"property.{OWN_REASONS}", rest.pop(OWN_REASONS, None))

    def _codes(self, key: str, value: Any) -> tuple[int, ...]:
        if value is None or value == "":
            return ()
        codes = reason_codes(value) if isinstance(value, str) else None
        if codes is None:
            raise self.refused(key, "wrong_value", f"{key} must be codes joined by hyphens, such as 1-20.")
        return codes

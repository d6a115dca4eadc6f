"""The oracles that every refusal of a model must pass: a code, a sentence, and nothing leaked."""

import re

from config.refusals import Refused

LEAKS = re.compile(r"[/\\]|\.cc\b|\.py\b|Traceback|ONNXRuntime|0x[0-9a-f]{4}", re.IGNORECASE)


def assert_refusal(error: Refused | None, code: str, *, field: bool = False) -> None:
    assert error is not None
    assert error.code == code, error
    assert 400 <= error.status < 500
    assert error.message[0].isupper()
    assert error.message.endswith(".")
    assert not LEAKS.search(str(error)), error
    if field:
        assert error.where.get("field")

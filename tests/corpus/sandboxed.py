"""What strangers' bytes might make a sandboxed function do."""

import ctypes
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np

from config.refusals import Refused

_kept: list[str] = []


def double(value: int) -> int:
    return value * 2


def echo(value: object) -> object:
    return value


def environment() -> dict[str, str]:
    return dict(os.environ)


def directory() -> list[str]:
    return sorted(os.listdir())


def process() -> int:
    return os.getpid()


def keep(word: str) -> None:
    _kept.append(word)


def kept(_: object = None) -> list[str]:
    return _kept


def refuse() -> None:
    raise Refused("bad_box", "The box is outside of the image.", status=422, field="box", line=7)


def stumble() -> None:
    raise KeyError("/etc/secret path")


def not_a_value() -> object:
    return object()


def print_much() -> str:
    os.write(1, b"noise on standard output\n" * 1000)
    os.write(2, b"noise on standard error\n" * 1000)
    return "done"


def nap(seconds: float) -> str:
    time.sleep(seconds)
    return "rested"


def write_file(path: str) -> None:
    Path(path).write_bytes(bytes(2 * 2**20))


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def misbehave(deed: str) -> str:
    """Does what it is told: one of the ways in which native code fails."""
    match deed:
        case "loop":
            while True:
                pass
        case "sleep":
            time.sleep(600)
        case "exit":
            os._exit(0)
        case "segfault":
            ctypes.string_at(0)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            np.ones(2**40, np.uint8)
        case "slow memory":
            pieces = []
            while True:
                pieces.append(bytearray(2**20))
        case "forged length":
            _write_answer((2**62).to_bytes(8, "big"))
        case "forged buffer":
            _write_header(b'{"tree": {"$buffer": "bytes"}, "buffers": [1099511627776]}')
        case "forged shape":
            _write_header(b'{"tree": {"$buffer": "float64", "shape": [1000000]}, "buffers": [8]}', bytes(8))
        case "forged dtype":
            _write_header(b'{"tree": {"$buffer": "object", "shape": [1]}, "buffers": [8]}', bytes(8))
        case "forged depth":
            _write_header(b"[" * 100_000)
        case "no answer":
            _write_header(b'{"tree": {"hello": 1}, "buffers": []}')
    return deed


def _write_header(header: bytes, buffers: bytes = b"") -> None:
    _write_answer(len(header).to_bytes(8, "big") + header + buffers)


def _write_answer(frame: bytes) -> None:
    """Writes to the pipe of answers, which hostile native code would find as well."""
    pipes = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
    for descriptor in pipes:
        try:
            os.write(descriptor, frame)
        except OSError:
            continue

"""The inside of a sandbox: the process that `config.sandbox` starts, and how it confines itself."""

import ctypes
import importlib
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from config.frames import Buffer, pack, unpack
from config.refusals import Refused

FILE_LIMIT = 2**20  # bytes it may write into any file, its log included
ANSWER_BUFFER = 2**16  # most answers go out as one piece: each one wakes the owner
PR_SET_PDEATHSIG = 1


def serve(owner: int, memory: int, imports: list[str]) -> None:
    """The whole life of the process: confine itself, import, limit itself, answer until the pipe ends.

    Args:
        owner: the process that started this one.
        memory: bytes it may take beyond what it holds after its imports.
        imports: modules to import before that limit.
    """
    _leave_network()
    _die_with(owner)
    requests = os.fdopen(0, "rb", closefd=False)
    answers = os.fdopen(os.dup(1), "wb", buffering=ANSWER_BUFFER)
    os.dup2(2, 1)  # what libraries print must not end up among the answers
    for module in imports:
        importlib.import_module(module)
    os.rmdir(os.getcwd())  # so that nothing can ever be put there, and nothing stays when this process is killed
    _limit(memory)

    def read(length: int) -> bytearray:
        buffer = bytearray(length)
        if requests.readinto(buffer) < length:
            raise EOFError
        return buffer

    def send(*pieces: Buffer) -> None:
        for piece in pieces:
            answers.write(piece)
        answers.flush()

    send(*pack({"value": "ready"}))
    while True:
        try:
            request = unpack(read)
        except EOFError:
            return
        except MemoryError:
            send(*pack({"memory": True, "ends": True}))
            return  # in the middle of a frame: the parent starts another child
        send(*_answer(request))
        del request  # its memory belongs to the next one


def _answer(request: dict[str, Any]) -> list[Buffer]:
    module, _, name = request["function"].partition(":")
    try:
        return pack({"value": getattr(importlib.import_module(module), name)(*request["args"])})
    except Refused as refusal:
        words = {
            "code": refusal.code,
            "message": refusal.message,
            "status": refusal.status,
            "where": refusal.where,
        }
        return pack({"refused": words})
    except MemoryError:
        return pack({"memory": True})
    except Exception as error:  # whatever it is, the parent must hear of it
        logging.getLogger(__name__).exception("unexpected error in the sandbox")
        return pack({"unexpected": type(error).__name__})


def _leave_network() -> None:
    """Moves into a network of its own, which has no interfaces, where the kernel lets us."""
    for spaces in (os.CLONE_NEWNET, os.CLONE_NEWUSER | os.CLONE_NEWNET):
        try:
            os.unshare(spaces)
        except OSError:
            continue
        return


def _die_with(owner: int) -> None:
    """Asks the kernel for SIGKILL when the parent is gone; checks that it did not go before that."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner:
        sys.exit(1)


def _limit(memory: int) -> None:
    """Limits address space to what is mapped now plus `memory` bytes, forbids core dumps and large files."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_LIMIT,
    }
    for limit, value in wanted.items():
        _, highest = resource.getrlimit(limit)
        value = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

"""Runs functions of ours on hostile bytes in one limited child process, kept for many calls.

The child is a fresh interpreter (never a fork), without secrets in its environment, in an empty directory of
its own, without network where the kernel allows that, with one thread, a limit on its memory and files; it
dies with the thread that started it and is killed at the deadline. What it answers is read as if a stranger
had written it.

    with Sandbox(imports=["datasets.images"], memory=2**30, noun="image") as sandbox:
        said = sandbox.call(inspect, image, deadline=20)
        with sandbox.questions(inspect, deadline_each=20) as questions:
            questions.put(one)
            questions.put(another)  # waits in the pipe, while the child works on the first
            outcome = questions.take(within=1)

The child ends with the thread that started it, and the next call starts another: in a worker, use the main thread.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from config.frames import BadFrame, Buffer, pack
from config.limited_process import LimitedProcess
from config.refusals import Refused

PLACES = ("field", "line", "item", "file")

type Function = Callable[..., Any] | str


@dataclass(frozen=True)
class Outcome:
    """What became of one item of `Sandbox.questions`: a value, or the error that it cost."""

    value: Any = None
    error: Refused | None = None


class Sandbox:
    """One limited child process, started at its first use and again whenever it died.

    Args:
        imports: modules that the child imports before its memory is limited.
        memory: bytes that the child may take beyond what it holds after its imports.
        noun: what the work is about; names the codes `<noun>_timeout`, `<noun>_crashed` and `<noun>_memory`.
    """

    def __init__(self, *, imports: Iterable[str] = (), memory: int = 2**30, noun: str = "work") -> None:
        self.imports = tuple(imports)
        self.memory = memory
        self.noun = noun
        self._child: LimitedProcess | None = None
        self._prepared: dict[str, tuple[tuple[Any, ...], float]] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child, if there is one. The next call starts another."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child = None

    def prepare(self, function: Function, *args: Any, deadline: float) -> Any:
        """As `call`, and again after every restart of the child: what later calls rely on, such as a loaded
        model.

        Preparing the same function once more replaces the earlier preparation.
        """
        with self._lock:
            value = self.call(function, *args, deadline=deadline)
            self._prepared[_name(function)] = (args, deadline)
            return value

    def forget(self) -> None:
        """Drops all that was prepared; a restarted child begins empty."""
        self._prepared.clear()

    def call(self, function: Function, *args: Any, deadline: float) -> Any:
        """Runs a function in the child and returns its result.

        Args:
            function: a function at the top of a module, or its name as `module:function`.
            args: what `config.frames.pack` can carry; the result as well.
            deadline: seconds after which the child is killed.

        Raises:
            Refused: what the function refused; `<noun>_timeout`, `<noun>_crashed` or `<noun>_memory` when the
                child did not survive or had too little memory; `unexpected_error` for any other exception;
                `sandbox_failed` when no child could be started.
        """
        with self._lock:
            return self._ask(self._ready(), _name(function), args, deadline)

    def questions(self, function: Function, *, deadline_each: float) -> "Questions":
        """A function for one item after another, with some of them under way at once; use it as a context.

        An item that kills the child costs itself alone: the child is started and prepared again for those after it.

        Args:
            function: takes one item; else as in `call`.
            deadline_each: seconds for one item, from when the child can begin it.
        """
        return Questions(self, _name(function), deadline_each)

    def _ready(self) -> LimitedProcess:
        """The living child, prepared."""
        if self._child is not None and not self._child.lives():
            self.close()
        if self._child is None:
            self._child = LimitedProcess(self.imports, self.memory)
            for name, (args, deadline) in self._prepared.items():
                self._ask(self._child, name, args, deadline)
        return self._child

    def _ask(self, child: LimitedProcess, name: str, args: tuple[Any, ...], deadline: float) -> Any:
        try:
            child.send(_request(name, args))
        except BaseException:
            self.close()
            raise
        return self._answer(child, end=time.monotonic() + deadline, deadline=deadline)

    def _answer(self, child: LimitedProcess, *, end: float, deadline: float) -> Any:
        """The next answer of the child as a value, or raised as `call` says. Whatever went wrong, no other call will
        read what this one left in the pipe."""
        try:
            answer = child.answer(end)
        except TimeoutError:
            self.close()
            raise Refused(
                f"{self.noun}_timeout",
                f"The {self.noun} took longer than {deadline:g} seconds and was stopped.",
            ) from None
        except (EOFError, BadFrame):
            child.log_end()
            self.close()
            raise Refused(f"{self.noun}_crashed", f"The {self.noun} crashed the process that worked on it.") from None
        except BaseException:
            self.close()
            raise
        match answer:
            case {"value": value}:
                return value
            case {"memory": True, **rest}:
                if rest.get("ends"):
                    self.close()
                raise Refused(f"{self.noun}_memory", f"The {self.noun} needs more memory than it may have.")
            case {
                "refused": {
                    "code": str(code),
                    "message": str(message),
                    "status": int(status),
                    "where": dict(where),
                }
            }:
                known = {place: where[place] for place in PLACES if isinstance(where.get(place), str | int)}
                raise Refused(code[:64], message[:1000], status=status, **known)
            case {"unexpected": str(kind)} if re.fullmatch(r"\w{1,64}", kind):
                child.log_end()
                raise Refused("unexpected_error", f"The {self.noun} stopped on an unexpected error ({kind}).")
        self.close()
        raise Refused(f"{self.noun}_crashed", f"The {self.noun} crashed the process that worked on it.")


def _name(function: Function) -> str:
    return function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"


class Questions:
    """Items on their way to the child of a sandbox, in order. The child is the sandbox's: nothing else may be called
    while something is under way. Leaving the context with something under way ends the child."""

    def __init__(self, sandbox: Sandbox, name: str, deadline: float) -> None:
        self._sandbox = sandbox
        self._name = name
        self._deadline = deadline
        self._asked: deque[list[Buffer]] = deque()
        self._busy: LimitedProcess | None = None  # the child that was sent all of these; None: none was yet
        self._since = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._asked:
            self._sandbox.close()

    def __len__(self) -> int:
        """How many items are under way."""
        return len(self._asked)

    def put(self, item: Any) -> None:
        """Sends an item behind those that are under way; the first one is sent when its outcome is asked for."""
        request = _request(self._name, (item,))
        self._asked.append(request)
        if self._busy is not None:
            self._busy.send(list(request))

    def take(self, *, within: float) -> Outcome | None:
        """What became of the oldest item under way; None while there is nothing to be heard of it.

        Args:
            within: seconds to wait at most.

        Raises:
            Refused: the child could not be started or prepared again; what is under way stays so.
        """
        with self._sandbox._lock:
            child = self._fed()
            left = self._since + self._deadline - time.monotonic()
            if within < left and not self._heard(child, within):
                return None
            return self._outcome(child)

    def wait(self) -> Outcome:
        """What became of the oldest item under way, by its deadline. Raises as `take`."""
        with self._sandbox._lock:
            return self._outcome(self._fed())

    def _outcome(self, child: LimitedProcess) -> Outcome:
        try:
            end = self._since + self._deadline
            outcome = Outcome(value=self._sandbox._answer(child, end=end, deadline=self._deadline))
        except Refused as error:
            outcome = Outcome(error=error)
        self._asked.popleft()
        self._since = time.monotonic()
        if not self._asked or self._sandbox._child is not child:
            self._busy = None
        return outcome

    def _heard(self, child: LimitedProcess, seconds: float) -> bool:
        try:
            return child.speaks(seconds)
        except BaseException:
            self._sandbox.close()  # as in a call: nothing of this is left for the next one
            raise

    def _fed(self) -> LimitedProcess:
        """The child that was sent all that is under way. One that died while it had nothing to do is replaced; one that
        dies at work is asked for its answer, so that this is charged to what it worked on."""
        if self._busy is None:
            child = self._sandbox._ready()
            self._since = time.monotonic()
            for request in self._asked:
                child.send(list(request))
            self._busy = child
        return self._busy


def _request(name: str, args: tuple[Any, ...]) -> list[Buffer]:
    return pack({"function": name, "args": list(args)})

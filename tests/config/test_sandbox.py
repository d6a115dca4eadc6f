"""The promises of the sandbox: it confines, it ends in time, and it costs one item at most."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from config.confined import FILE_LIMIT
from config.limited_process import ROOT
from config.refusals import Refused
from config.sandbox import Outcome, Sandbox
from tests.corpus import sandboxed

DEADLY = {
    "loop": "image_timeout",
    "sleep": "image_timeout",
    "exit": "image_crashed",
    "segfault": "image_crashed",
    "killed": "image_crashed",
    "memory": "image_memory",
    "slow memory": "image_memory",
    "forged length": "image_crashed",
    "forged buffer": "image_crashed",
    "forged shape": "image_crashed",
    "forged dtype": "image_crashed",
    "forged depth": "image_crashed",
    "no answer": "image_crashed",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(imports=["tests.corpus.sandboxed"], memory=400 * 2**20, noun="image") as sandbox:
        yield sandbox


def test_it_calls_a_function_by_object_and_by_name(sandbox: Sandbox) -> None:
    assert sandbox.call(sandboxed.double, 21, deadline=10) == 42
    assert sandbox.call("tests.corpus.sandboxed:double", 4, deadline=10) == 8


def test_it_keeps_one_child_for_many_calls(sandbox: Sandbox) -> None:
    first = sandbox.call(sandboxed.process, deadline=10)
    assert first == sandbox.call(sandboxed.process, deadline=10) != os.getpid()


def test_no_secret_of_ours_is_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do not tell")
    with Sandbox(imports=["tests.corpus.sandboxed"]) as sandbox:
        seen = sandbox.call(sandboxed.environment, deadline=10)
    assert "do not tell" not in seen.values()
    assert seen["OMP_NUM_THREADS"] == seen["OPENBLAS_NUM_THREADS"] == seen["OPENCV_FOR_THREADS_NUM"] == "1"


def test_its_directory_is_gone_before_any_foreign_byte_arrives(sandbox: Sandbox) -> None:
    assert sandbox.call(sandboxed.directory, deadline=10) == []
    assert not Path(sandbox.call(sandboxed.environment, deadline=10)["HOME"]).exists()
    with pytest.raises(Refused):
        sandbox.call(sandboxed.write_file, "here", deadline=10)


def test_it_writes_no_large_file(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        sandbox.call(sandboxed.write_file, str(tmp_path / "large"), deadline=10)
    assert caught.value.code == "unexpected_error"
    assert (tmp_path / "large").stat().st_size <= FILE_LIMIT


def test_it_reaches_no_network_where_the_kernel_can_take_it_away(sandbox: Sandbox) -> None:
    take = "import os\ntry: os.unshare(os.CLONE_NEWNET)\nexcept OSError: os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)"
    takes_away = subprocess.run([sys.executable, "-c", take], stderr=subprocess.DEVNULL).returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert sandbox.call(sandboxed.connects, server.getsockname()[1], deadline=10) is not takes_away


def test_what_libraries_print_does_not_disturb(sandbox: Sandbox) -> None:
    assert sandbox.call(sandboxed.print_much, deadline=10) == "done"


def test_a_refusal_crosses_with_its_words_and_places(sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        sandbox.call(sandboxed.refuse, deadline=10)
    assert caught.value.as_dict() == {
        "code": "bad_box",
        "message": "The box is outside of the image.",
        "field": "box",
        "line": 7,
    }
    assert caught.value.status == 422


@pytest.mark.parametrize("function", [sandboxed.stumble, sandboxed.not_a_value])
def test_an_unexpected_error_tells_its_class_only(sandbox: Sandbox, function: Callable[[], object]) -> None:
    with pytest.raises(Refused) as caught:
        sandbox.call(function, deadline=10)
    assert caught.value.code == "unexpected_error"
    assert "/" not in caught.value.message


def test_a_hundred_megabytes_pass_both_ways(sandbox: Sandbox) -> None:
    array = np.arange(25 * 2**20, dtype=np.float32).reshape(5, -1)
    back = sandbox.call(sandboxed.echo, array, deadline=30)
    assert back.dtype == np.float32
    assert np.array_equal(back, array)


@pytest.mark.parametrize("deed", DEADLY)
def test_a_deadly_item_costs_itself_alone(sandbox: Sandbox, deed: str) -> None:
    started, deadline = time.monotonic(), 10 if "memory" in deed else 1.5
    before, deadly, after = outcomes(sandbox, "good", deed, "good", deadline=deadline)
    assert (before.value, before.error) == ("good", None)
    assert deadly.error is not None
    assert deadly.error.code == DEADLY[deed]
    assert "/" not in deadly.error.message
    assert (after.value, after.error) == ("good", None)
    assert time.monotonic() - started < 15


def test_items_wait_in_the_pipe_while_the_child_works(sandbox: Sandbox) -> None:
    with sandbox.questions(sandboxed.nap, deadline_each=10) as questions:
        for _ in range(3):
            questions.put(0.2)
        assert questions.take(within=0) is None
        assert len(questions) == 3
        assert [questions.wait().value for _ in range(3)] == ["rested"] * 3
        assert len(questions) == 0


def test_each_item_under_way_has_its_whole_deadline(sandbox: Sandbox) -> None:
    with sandbox.questions(sandboxed.nap, deadline_each=1) as questions:
        for _ in range(4):
            questions.put(0.4)
        assert [questions.wait().value for _ in range(4)] == ["rested"] * 4


def test_items_larger_than_the_pipe_go_both_ways_at_once(sandbox: Sandbox) -> None:
    pictures = [np.full(5 * 2**20, number, np.uint8) for number in range(4)]
    with sandbox.questions(sandboxed.echo, deadline_each=30) as questions:
        for picture in pictures:
            questions.put(picture)
        assert all(np.array_equal(questions.wait().value, picture) for picture in pictures)


def test_what_is_left_under_way_is_no_answer_to_the_next_call(sandbox: Sandbox) -> None:
    with sandbox.questions(sandboxed.double, deadline_each=10) as questions:
        questions.put(1)
        questions.put(2)
        assert questions.wait().value == 2
    assert sandbox.call(sandboxed.double, 21, deadline=10) == 42


def test_work_that_nobody_waits_for_any_more_is_killed(sandbox: Sandbox) -> None:
    child = _child_of(sandbox)
    with sandbox.questions(sandboxed.misbehave, deadline_each=600) as questions:
        questions.put("loop")
        assert questions.take(within=0.1) is None
    assert not _runs(child)


def test_a_restarted_child_is_prepared_again() -> None:
    with Sandbox(imports=["tests.corpus.sandboxed"]) as sandbox:
        sandbox.prepare(sandboxed.keep, "old model", deadline=10)
        sandbox.prepare(sandboxed.keep, "model", deadline=10)
        with pytest.raises(Refused):
            sandbox.call(sandboxed.misbehave, "exit", deadline=10)
        assert sandbox.call(sandboxed.kept, deadline=10) == ["model"]
        sandbox.forget()
        sandbox.close()
        assert sandbox.call(sandboxed.kept, deadline=10) == []


def test_a_child_killed_from_outside_while_idle_charges_nobody(sandbox: Sandbox) -> None:
    child = sandbox.call(sandboxed.process, deadline=10)
    os.kill(child, signal.SIGKILL)
    time.sleep(0.1)
    assert sandbox.call(sandboxed.double, 1, deadline=10) == 2


def test_a_child_killed_from_outside_at_work_charges_the_item_at_once(sandbox: Sandbox) -> None:
    child = sandbox.call(sandboxed.process, deadline=10)
    subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(0.5); os.kill({child}, 9)"])
    started = time.monotonic()
    asleep, good = outcomes(sandbox, "sleep", "good", deadline=60)
    assert asleep.error is not None
    assert asleep.error.code == "image_crashed"
    assert good.value == "good"
    assert time.monotonic() - started < 10


def test_an_interrupted_call_leaves_no_answer_behind(sandbox: Sandbox) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError("as a soft time limit does")

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(InterruptedError):
            sandbox.call(sandboxed.nap, 1.0, deadline=10)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert sandbox.call(sandboxed.double, 3, deadline=10) == 6


def test_a_fork_of_its_owner_starts_a_child_of_its_own() -> None:
    """As in a prefork worker, whose processes are daemons that may not have children of `multiprocessing`."""
    script = (
        "import multiprocessing\n"
        "from config.sandbox import Sandbox; from tests.corpus import sandboxed\n"
        "sandbox = Sandbox(imports=['tests.corpus.sandboxed'])\n"
        "def tell(): print(sandbox.call(sandboxed.process, deadline=10), flush=True)\n"
        "tell()\n"
        "fork = multiprocessing.get_context('fork').Process(target=tell, daemon=True)\n"
        "fork.start(); fork.join()\n"
        "tell()\n"
    )
    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, check=True, timeout=60)
    before, fork, after = told.stdout.split()
    assert before == after != fork


def test_it_survives_the_thread_that_started_it(sandbox: Sandbox) -> None:
    sandbox.close()
    thread = threading.Thread(target=_child_of, args=[sandbox])
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert sandbox.call(sandboxed.double, 1, deadline=10) == 2


def test_it_does_not_outlive_its_parent() -> None:
    script = (
        "from config.sandbox import Sandbox; from tests.corpus import sandboxed\n"
        "sandbox = Sandbox(imports=['tests.corpus.sandboxed'])\n"
        "print(sandbox.call(sandboxed.process, deadline=10), flush=True)\n"
        "sandbox.call(sandboxed.misbehave, 'loop', deadline=600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.kill()
    end = time.monotonic() + 1
    while _runs(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _runs(child)


def test_a_child_that_cannot_start_is_refused_without_its_log() -> None:
    with Sandbox(imports=["no_such_module"]) as sandbox, pytest.raises(Refused) as caught:
        sandbox.call(sandboxed.double, 1, deadline=10)
    assert caught.value.code == "sandbox_failed"
    assert "no_such_module" not in caught.value.message


def outcomes(sandbox: Sandbox, *deeds: str, deadline: float) -> list[Outcome]:
    """What became of items that were all under way at once."""
    with sandbox.questions(sandboxed.misbehave, deadline_each=deadline) as questions:
        for deed in deeds:
            questions.put(deed)
        return [questions.wait() for _ in deeds]


def _child_of(sandbox: Sandbox) -> int:
    return sandbox.call(sandboxed.process, deadline=10)


def _runs(process: int) -> bool:
    """Whether it exists and is no zombie that only waits to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

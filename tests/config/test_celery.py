"""What a process of a worker does with what it has from the worker."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment

ROOT = Path(__file__).resolve().parent.parent.parent
PROCESS = """
from config.celery import leave_connections_to_the_worker
leave_connections_to_the_worker()
print("left", flush=True)
input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no list of what is open")
def test_it_keeps_no_connection_of_the_worker_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    inherited = ours.fileno()
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS], cwd=ROOT, env=environment(), pass_fds=[inherited], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process, theirs:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "left\n"
        ours.close()
        theirs.settimeout(10)
        assert theirs.recv(1) == b"", "the connection is closed while the process lives"
        process.communicate("\n")
    assert process.returncode == 0

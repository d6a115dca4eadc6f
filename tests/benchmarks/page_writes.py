"""How long a page's write waits while a run goes on, on SQLite: `make bench-writes`.

Serves the demonstration, starts its service again, and marks and unmarks a hard example over HTTP until the run and its
filtering have ended. Prints milliseconds; exits with 1 where the 99th percentile is 250 ms or more.
"""

import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.serving import Served, served

LIMIT_MS = 250


def main() -> int:
    """Runs the benchmark; the exit code."""
    with tempfile.TemporaryDirectory(prefix="hardmine-bench-") as directory, served(Path(directory)) as server:
        token = json.loads(server.command("create_token", "admin", "--json"))["token"]
        idle = _writes(server, token, seconds=5)
        print("quiet:", _figures(idle))
        service = _ask(server, token, "services/")["results"][0]["id"]
        run = _ask(server, token, f"services/{service}/start/", {})["id"]
        busy: list[float] = []
        while _ask(server, token, f"runs/{run}/")["status"] in {"preparing", "running"}:
            busy += _writes(server, token, seconds=1)
        print("while a run goes on:", _figures(busy))
        while any(t["status"] in {"waiting", "filtering", "importing"} for t in _tasks(server, token, service)):
            busy += _writes(server, token, seconds=1)
        print("run and filtering:", _figures(busy))
    return int(_percentile(busy, 99) >= LIMIT_MS)


def _tasks(server: Served, token: str, service: int) -> list[dict[str, Any]]:
    return _ask(server, token, f"services/{service}/collection_tasks/")["results"]


def _writes(server: Served, token: str, *, seconds: float) -> list[float]:
    dataset = _ask(server, token, "datasets/?name=digits hard".replace(" ", "%20"))["results"][0]["id"]
    sample = _ask(server, token, f"datasets/{dataset}/samples/")["results"][0]["id"]
    found, end, verbs = [], time.monotonic() + seconds, ("unmark_hard", "mark_hard")
    while time.monotonic() < end:
        start = time.perf_counter()
        _ask(server, token, f"samples/{sample}/{verbs[len(found) % 2]}/", {})
        found.append(1000 * (time.perf_counter() - start))
        time.sleep(0.02)
    return found


def _ask(server: Served, token: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  our own server
        f"{server.address}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())


def _figures(times: list[float]) -> str:
    middle = statistics.median(times)
    return f"{len(times)} writes, median {middle:.0f} ms, p99 {_percentile(times, 99):.0f} ms, most {max(times):.0f} ms"


def _percentile(times: list[float], share: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * share // 100)]


if __name__ == "__main__":
    sys.exit(main())

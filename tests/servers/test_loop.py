"""PostgreSQL, Redis and S3 need nothing but environment variables."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving import ROOT


def told(module: list[str], addresses: dict[str, str], data: Path) -> dict[str, Any]:
    """What a program says at last that knows nothing but addresses, a key, and where its own files go."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_", "AWS_"))}
    key = {"HARDMINE_SECRET_KEY": secrets.token_urlsafe(60), "HARDMINE_DATA_DIR": str(data)}
    done = subprocess.run(
        [sys.executable, "-m", *module], cwd=ROOT, env={**own, **addresses, **key}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.servers
def test_the_loop_needs_nothing_but_addresses(addresses: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    said = told(["tests.servers.newcomer"], addresses, data)
    assert (said["done"], said["results"]) == (60, 60)
    assert 0 < said["found"] < 60
    assert said["published"] == said["lines"] == said["found"]
    assert (said["unlabeled"], said["wrong_counters"]) == (1, [])
    images = [[200, "image/png"], [200, "image/jpeg"]]
    assert said["pages"] == [[200, "text/html; charset=utf-8"], *images * 3]
    assert {path.name for path in data.iterdir()} <= {"static"}, "something was kept on this machine"


@pytest.mark.servers
def test_workers_on_several_hosts_share_one_run(addresses: dict[str, str], tmp_path: Path) -> None:
    said = told(["tests.servers.hosts", str(tmp_path)], addresses, tmp_path / "web")
    assert (said["status"], said["done"]) == ("finished", 1000)
    assert sum(said["parts"]) == 1000
    assert all(part >= 50 for part in said["parts"]), "one of them did nearly nothing"
    assert said["kept on disk"] == []

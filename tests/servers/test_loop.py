"""PostgreSQL, Redis and S3 need nothing but environment variables."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT


@pytest.mark.servers
def test_the_loop_needs_nothing_but_addresses(addresses: dict[str, str], tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HARDMINE_", "DJANGO_", "AWS_"))}
    data = tmp_path / "data"
    key = {"HARDMINE_SECRET_KEY": secrets.token_urlsafe(60), "HARDMINE_DATA_DIR": str(data)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.newcomer"],
        cwd=ROOT,
        env={**own, **addresses, **key},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["done"], said["results"]) == (60, 60)
    assert 0 < said["found"] < 60
    assert said["published"] == said["lines"] == said["found"]
    assert (said["unlabeled"], said["wrong_counters"]) == (1, [])
    images = [[200, "image/png"], [200, "image/jpeg"]]
    assert said["pages"] == [[200, "text/html; charset=utf-8"], *images * 3]
    assert {path.name for path in data.iterdir()} <= {"static"}, "something was kept on this machine"

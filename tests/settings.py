"""The settings of the tests: the product's own, in an environment made for this one process."""

import atexit
import os
import secrets
import shutil
import tempfile

for name in [name for name in os.environ if name.startswith("HARDMINE_") and "TEST" not in name]:
    if name not in {"HARDMINE_DATABASE_URL", "HARDMINE_BROWSER_REQUIRED", "HARDMINE_SERVERS_REQUIRED"}:
        del os.environ[name]
directory = tempfile.mkdtemp(prefix="hardmine-test-")
atexit.register(shutil.rmtree, directory, ignore_errors=True)
os.environ["HARDMINE_SECRET_KEY"] = secrets.token_urlsafe(60)
os.environ["HARDMINE_DATA_DIR"] = directory
os.environ["HARDMINE_BROKER_URL"] = "memory://"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "config.sqlite":
    # a file: an in-memory database locks tables between a live server's threads
    DATABASES["default"]["TEST"] = {"NAME": f"{directory}/test.sqlite3"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

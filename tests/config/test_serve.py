"""`manage.py serve`: what it prints, and that neither a broken start nor a renamed dataset costs anything."""

import io
import re
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from batchservices.models import CollectionKind, CollectionStatus, CollectionTask
from config.demonstration import loading
from config.management.commands import serve
from config.refusals import Refused
from tests.factories import BatchRunFactory, DatasetFactory, UserFactory

pytestmark = pytest.mark.django_db


def served(*, loading_ends_with: BaseException) -> tuple[str, str]:
    """What `serve --demonstration` prints and complains where loading ends so; no process is started."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(serve, "Supervisor"),
        patch.object(serve, "run_until_stopped", lambda supervisor, ready: ready()),
        patch.object(loading, "load", side_effect=loading_ends_with),
    ):
        call_command("serve", "--demonstration", "--bind", "127.0.0.1:0", stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_ctrl_c_while_loading_keeps_the_password() -> None:
    """The password stands in what was printed before; the next start prints none."""
    out, _ = served(loading_ends_with=KeyboardInterrupt())
    found = re.search(r"password (\S+)", out)
    assert found
    assert User.objects.get(username="admin").check_password(found[1])
    assert "Stopped." in out
    assert "password" not in served(loading_ends_with=KeyboardInterrupt())[0]


def test_a_demonstration_that_fails_does_not_keep_the_admin_from_being_served() -> None:
    """The failure is told in words."""
    out, err = served(loading_ends_with=Refused("no_room", "The disk is full.", status=503))
    assert "The disk is full." in err
    assert "serves at" in out


def test_a_demonstration_is_found_again_under_the_names_that_people_gave_it() -> None:
    """Nothing is loaded twice, and the summary says the new names."""
    UserFactory(is_superuser=True, username="ann")
    run = BatchRunFactory(done=3, total=4)
    dataset = DatasetFactory(name="mine now")
    task = CollectionTask.objects.create(
        kind=CollectionKind.FILTER,
        service=run.service,
        run=run,
        dataset=dataset,
        status=CollectionStatus.DATASET_IMPORTED,
    )
    assert loading.load(seed=1, watch=lambda: None) == task
    words = loading.summary(task)
    assert "mine now" in words
    assert "3 of 4" in words
    assert "Log in as ann" in words

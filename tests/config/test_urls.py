"""Nobody comes in without a login, and staff without permissions see nothing: every address of the site is tried."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, SlugConverter

from datasets.models import LabelingJob
from hardexamples.models import HardExampleFilter
from tests.factories import (
    BatchRunFactory,
    BatchServiceFactory,
    CollectionTaskFactory,
    DatasetFactory,
    DatasetVersionFactory,
    HardExampleFilterFactory,
    ImportTaskFactory,
    InferenceModelFactory,
    LabelFactory,
    MiningFactory,
    ModelSampleFactory,
    ReviewEventFactory,
    SampleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

PUBLIC = {"/admin/login/", "/admin/jsi18n/"}
"""The login itself, and the words of its scripts."""

FOR_ALL = {
    "/admin/",  # Today shows what one may see
    "/admin/logout/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/search/",
    "/admin/autocomplete/",
    "/api/v1/docs/",
    "/api/v1/schema/",
    "/",  # leads to /admin/
    "/admin/a/",  # no such application
    "/api/",  # nothing is there
    "/api/v1/",
    "/admin/datasets/dataset/1/start-labeling/",  # leads to the grid, which asks
    "/admin/datasets/datasetversion/1/manifest",  # as if it were not there
    "/admin/datasets/importtask/1/progress",
    "/admin/knox/authtoken/1/history/",  # no such token
    "/admin/r/1/1/",
    *PUBLIC,
}


def addresses(patterns: list, prefix: str = "/") -> Iterator[str]:
    """An address for each pattern: numbers are 1, words are `a`."""
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, prefix + filled(each))
        elif isinstance(each, URLPattern):
            yield prefix + filled(each)


def filled(each: URLPattern | URLResolver) -> str:
    pattern = each.pattern
    converters = dict(pattern.converters)
    text = str(pattern)
    if not hasattr(pattern, "_route"):  # a regular expression of ours or of Django
        for expression, example in (("[0-9a-f]{64}", "0" * 64), (r"\d+", "1")):
            text = text.replace(f"(?P<sha256>{expression})", example)
        return text.lstrip("^").rstrip("$").replace("\\Z", "") if "(?P<" not in text else "a/"
    for name, converter in converters.items():
        example = "1" if isinstance(converter, IntConverter) else "a" if isinstance(converter, SlugConverter) else "1"
        for spelled in (f"<int:{name}>", f"<path:{name}>", f"<str:{name}>", f"<slug:{name}>", f"<{name}>"):
            text = text.replace(spelled, example)
    return text


ADDRESSES = sorted(set(addresses(get_resolver().url_patterns)))


def test_the_whole_site_is_known() -> None:
    known = set(ADDRESSES)
    assert len(known) > 120
    assert {"/admin/media/sample/1/image", "/admin/labeling/job/1/", "/api/v1/samples/1/confirm/"} <= known
    assert "/admin/batchservices/batchservice/1/start/" in known
    assert not [address for address in known if "<" in address or "(" in address]


@pytest.fixture
def rows() -> None:
    """What the addresses name is there, so that a permission that nobody asks for is seen and not hidden by a 404."""
    UserFactory(pk=1)
    dataset = DatasetFactory(pk=1)
    job = dataset.labeling_jobs.get()
    LabelingJob.objects.filter(pk=job.pk).update(id=1)
    sample = SampleFactory(pk=1, dataset=dataset)
    LabelFactory(pk=1, dataset=dataset)
    ReviewEventFactory(pk=1, sample=sample)
    ImportTaskFactory(pk=1, dataset=dataset)
    DatasetVersionFactory(pk=1, dataset=dataset)
    model = InferenceModelFactory(pk=1)
    ModelSampleFactory(model=model, position=1)
    service = BatchServiceFactory(pk=1, model=model)
    BatchRunFactory(pk=1, service=service)
    CollectionTaskFactory(pk=1, service=service, dataset=dataset)
    MiningFactory(pk=1)
    if not HardExampleFilter.objects.filter(pk=1).exists():  # presets come back under other numbers after a flush
        HardExampleFilterFactory(pk=1)
    Group.objects.create(pk=1, name="people")


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_login_there_is_nothing(method: str, rows: None) -> None:
    client = Client()
    for address in ADDRESSES:
        answer = getattr(client, method)(address)
        if answer.status_code in (301, 302):
            there = answer.headers["Location"]
            assert answer.status_code == 301 or "/admin/login/" in there or there == "/admin/", address
        else:
            assert answer.status_code in (401, 403, 404, 405) or address in PUBLIC, (address, answer.status_code)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("staff", [True, False])
def test_without_permissions_there_is_nothing(method: str, staff: bool, rows: None) -> None:
    user = UserFactory(is_staff=staff)
    found = []
    for address in ADDRESSES:
        client = Client()
        client.force_login(user)
        answer = getattr(client, method)(address)
        where = answer.headers.get("Location", "")
        to_itself = where == f"{address}change/"  # Django's old addresses
        refused = answer.status_code in (401, 403, 405) or "/admin/login/" in where
        if not refused and not to_itself and address not in FOR_ALL:
            found.append((address, answer.status_code, where))
    assert not found, found

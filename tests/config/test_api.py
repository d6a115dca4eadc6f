"""What holds for every address of the REST API."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.urls import get_resolver, resolve
from drf_spectacular.generators import SchemaGenerator
from knox.models import AuthToken
from rest_framework.test import APIClient, force_authenticate

from config.api.doors import Door
from tests.factories import DatasetFactory, SampleFactory, StaffFactory, UserFactory
from tests.programs import program

pytestmark = pytest.mark.django_db

LONG = "9" * 5000
BAD_BODIES = {
    "no JSON": (b"{", "not_json"),
    "empty": (b" ", "not_json"),
    "not a number": (b'{"name": NaN}', "bad_number"),
    "infinite": (b'{"name": 1e999}', "bad_number"),
    "a huge number": (b'{"name": %s}' % LONG.encode(), "bad_number"),
    "deep": (b"[" * 100_000, "too_deep"),
    "a key twice": (b'{"name": "a", "name": "b"}', "duplicate_key"),
    "NUL": (b'{"name": "a\\u0000"}', "bad_string"),
    "half a character": (b'{"name": "\\ud800"}', "bad_string"),
    "Latin-1": ('{"name": "ä"}'.encode("latin-1"), "not_utf8"),
    "gzip": (b"\x1f\x8b\x08\x00", "not_utf8"),
}


def token_of(user, **options) -> str:
    out = StringIO()
    call_command("create_token", user.username, stdout=out, **options)
    return out.getvalue().strip()


class TestWhoMayComeIn:
    def test_a_token_opens_the_doors_that_its_user_may_pass(self):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(StaffFactory.create())}")
        assert client.get("/api/v1/datasets/").json() == {"next": None, "results": []}

    def test_a_session_opens_them_too_but_writes_only_with_the_csrf_token(self):
        client = Client(enforce_csrf_checks=True)
        client.force_login(StaffFactory.create())
        assert client.get("/api/v1/datasets/").status_code == 200
        answer = client.post("/api/v1/datasets/", {"name": "a"}, content_type="application/json")
        assert answer.status_code == 403
        assert answer.json()["code"] == "permission_denied"

    @pytest.mark.parametrize("header", [None, "Token", "Token a b", "Token wrong", "Token \xff\xfe", "Bearer wrong"])
    def test_without_a_valid_token_nothing_is_told(self, header):
        client = APIClient(**({"HTTP_AUTHORIZATION": header} if header else {}))
        for address in ("/api/v1/datasets/", "/api/v1/samples/1/", "/api/v1/schema/"):
            answer = client.get(address)
            assert answer.status_code == 401
            assert answer.json()["code"] in {"not_authenticated", "authentication_failed"}

    def test_a_token_ends_with_its_user(self):
        user = StaffFactory.create()
        client = APIClient(HTTP_AUTHORIZATION=f"Token {token_of(user)}")
        user.is_active = False
        user.save()
        assert client.get("/api/v1/datasets/").status_code == 401

    def test_a_token_in_the_address_is_not_looked_at(self):
        assert APIClient().get("/api/v1/datasets/", {"token": token_of(StaffFactory.create())}).status_code == 401

    def test_every_door_asks_for_a_permission_for_each_of_its_verbs(self):
        views: list[Any] = [pattern.callback for pattern in get_resolver("config.api_urls").url_patterns]
        doors = [view for view in views if hasattr(getattr(view, "cls", None), "permissions")]
        assert len(doors) > 20
        for door in doors:
            missing = set(door.actions.values()) - set(door.cls.permissions)
            assert not missing, f"{door.cls.__name__}: {missing}"

    def test_without_the_permission_it_is_forbidden_and_said_so(self):
        answer = program().get("/api/v1/datasets/")
        assert answer.status_code == 403
        assert answer.json() == {
            "code": "permission_denied",
            "message": "This needs the permission datasets.view_dataset.",
        }


class TestCreateToken:
    def test_it_is_stored_as_a_hash_only(self):
        user = UserFactory.create()
        token = token_of(user)
        row = AuthToken.objects.get(user=user)
        assert token not in {row.digest, str(row)}
        assert row.expiry is None

    def test_it_can_end_and_be_printed_as_json(self):
        out = StringIO()
        call_command(
            "create_token", UserFactory.create(username="ann").username, "--expires-days=7", "--json", stdout=out
        )
        printed = json.loads(out.getvalue())
        assert printed["user"] == "ann"
        assert printed["expires"] == AuthToken.objects.get().expiry.isoformat()

    @pytest.mark.parametrize("arguments", [("nobody",), ("ann", "--expires-days=0"), ("gone",)])
    def test_it_says_what_is_wrong(self, arguments):
        UserFactory.create(username="ann")
        UserFactory.create(username="gone", is_active=False)
        with pytest.raises(CommandError):
            call_command("create_token", *arguments)
        assert not AuthToken.objects.exists()


class TestWhatComesIn:
    @pytest.mark.parametrize(("body", "code"), BAD_BODIES.values(), ids=BAD_BODIES)
    def test_bad_json_is_refused_by_its_code(self, body: Any, code):
        client = program("datasets.add_dataset")
        answer = client.generic("POST", "/api/v1/datasets/", data=body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["code"] == code

    def test_a_body_that_is_too_large_is_refused(self, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        answer = program("datasets.add_dataset").post("/api/v1/datasets/", {"name": "a" * 1000})
        assert answer.status_code == 413
        assert answer.json()["code"] == "body_too_large"

    def test_a_body_without_its_length_is_refused_and_not_taken_for_none(self):
        dataset = DatasetFactory.create()
        request = RequestFactory().patch(f"/api/v1/datasets/{dataset.pk}/", headers={"Transfer-Encoding": "chunked"})
        force_authenticate(request, StaffFactory.create())
        answer = resolve(request.path).func(request, pk=dataset.pk)
        assert (answer.status_code, answer.data["code"]) == (411, "length_required")

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "x"]
    )
    def test_other_types_than_json_are_refused(self, kind):
        answer = program("datasets.add_dataset").generic("POST", "/api/v1/datasets/", "{}", content_type=kind)
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_media_type"

    @pytest.mark.parametrize("field", ["id", "status", "version", "created_by", "is_superuser", "__class__"])
    def test_a_field_that_cannot_be_set_is_refused(self, field):
        body = {"name": "a", "task": "image_classification", field: 1}
        answer = program("datasets.add_dataset").post("/api/v1/datasets/", body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "unknown_or_read_only_field"
        assert answer.json()["field"] == field

    def test_what_is_wrong_with_a_field_is_said_with_its_name(self):
        answer = program("datasets.add_dataset").post("/api/v1/datasets/", {"name": "a", "labels": ["b", []]})
        assert answer.status_code == 400
        error = answer.json()
        assert error["code"] == "invalid_input"
        assert error["field"] == "task"
        assert error["message"] == "task: This field is required."
        assert set(error["fields"]) == {"task", "labels"}

    @pytest.mark.parametrize("body", [[], "text", 1, None])
    def test_a_body_that_is_no_object_is_refused(self, body):
        answer = program("datasets.add_dataset").post(
            "/api/v1/datasets/", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_input"


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "datasets/1/",
            "datasets/-1/",
            "datasets/abc/",
            "datasets/1%00/",
            f"datasets/{2**70}/",
            f"datasets/{10**30}/",
            f"datasets/{LONG}/",
            f"datasets/{2**70}/samples/",
            "datasets/1/samples/",
            "nothing/",
            "../v2/datasets/",
        ],
    )
    def test_what_is_not_there_is_not_found_in_the_same_words(self, address):
        answer = program("datasets.view_dataset", "datasets.view_sample").get(f"/api/v1/{address}")
        assert answer.status_code == 404
        assert answer.json() == {"code": "not_found", "message": "There is nothing here."}

    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
    def test_an_address_without_its_slash_says_so(self, method):
        client = Client(enforce_csrf_checks=True)
        answer = client.generic(method, "/api/v1/datasets", "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "end with a slash" in answer.json()["message"]

    @pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "DELETE", "PUT", "PATCH"])
    def test_other_methods_are_refused(self, method):
        answer = program("datasets.view_dataset").generic(method, "/api/v1/datasets/")
        assert answer.status_code == 405
        assert answer.json()["code"] == "method_not_allowed"

    def test_a_method_is_not_overridden_by_a_header(self):
        dataset = DatasetFactory.create()
        client = program("datasets.view_dataset", "datasets.delete_dataset")
        assert client.get(f"/api/v1/datasets/{dataset.pk}/", HTTP_X_HTTP_METHOD_OVERRIDE="DELETE").status_code == 200
        assert client.get(f"/api/v1/datasets/{dataset.pk}/").status_code == 200

    @pytest.mark.parametrize("accepted", ["text/html", "application/xml", "*/*;q=x"])
    def test_the_answer_is_json_or_none(self, accepted):
        answer = program("datasets.view_dataset").get("/api/v1/datasets/", HTTP_ACCEPT=accepted)
        assert answer.status_code in {200, 406}
        assert answer["Content-Type"] == "application/json"


class TestEveryAddress:
    """Whoever may do everything, asking for what is not there or cannot be: an error in JSON, never a fault."""

    @pytest.mark.parametrize("number", [0, 10**6, 2**63 - 1, 2**63, 2**70, 10**30])
    def test_numbers_of_any_size_are_answered(self, number):
        client = APIClient()
        client.force_authenticate(StaffFactory.create())
        for pattern in get_resolver("config.api_urls").url_patterns:
            view: Any = pattern.callback
            address = "/api/v1/" + re.sub(r"<int:\w+>", str(number), str(pattern.pattern))
            for method in list(getattr(view, "actions", ())):
                answer = client.generic(method.upper(), address, "{}", content_type="application/json")
                assert answer.status_code < 500, f"{method} {address}"
                if "<int" in str(pattern.pattern):
                    assert answer.status_code in {400, 404, 415}, f"{method} {address}: {answer.status_code}"
                assert answer["Content-Type"] == "application/json"


class TestFaults:
    def test_a_fault_of_ours_is_json_and_tells_nothing(self, client, monkeypatch):
        def broken(*arguments):
            raise RuntimeError("secret /srv/hardmine SELECT 1")

        monkeypatch.setattr(Door, "initial", broken)
        client.raise_request_exception = False
        answer = client.get("/api/v1/datasets/")
        assert (answer.status_code, answer.json()["code"]) == (500, "fault")
        assert "secret" not in answer.content.decode()

    def test_too_many_files_are_said_with_what_to_do(self, settings):
        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
        files = [SimpleUploadedFile(f"{number}.png", b"x") for number in range(3)]
        dataset = DatasetFactory.create()
        door = program("datasets.import_dataset")
        answer = door.post(f"/api/v1/datasets/{dataset.pk}/import/", {"files": files}, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
        assert "ZIP" in answer.json()["message"]
        browser = Client()
        browser.force_login(UserFactory(is_staff=True, is_superuser=True))
        for file in files:
            file.seek(0)
        page = browser.post(f"/admin/datasets/dataset/{dataset.pk}/import/", {"uploads": files})
        assert page.status_code == 400
        assert "At most 2 files" in page.content.decode()

    def test_a_foreign_host_name_is_refused_in_json(self, client):
        answer = client.get("/api/v1/datasets/", HTTP_HOST="evil.example")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


class TestQueries:
    @pytest.mark.parametrize(
        "name",
        [
            "owner__password__startswith",
            "created_by__user__password__regex",
            "pk__in",
            "_connector",
            "__class__",
            "format",
            "control",
            "name__regex",
            "offset",
        ],
    )
    def test_a_parameter_that_is_not_declared_is_refused_whatever_its_value(self, name):
        dataset = SampleFactory.create().dataset
        client = program("datasets.view_dataset", "datasets.view_sample")
        for address in ("datasets/", f"datasets/{dataset.pk}/", f"datasets/{dataset.pk}/samples/"):
            answers = [client.get(f"/api/v1/{address}", {name: value}) for value in ("p", "q", "1", "api")]
            assert {answer.status_code for answer in answers} == {400}
            assert {answer.json()["code"] for answer in answers} == {"unknown_filter"}

    @pytest.mark.parametrize("value", ["owner__password", "-", "?", "", "id", ",".join(["newest"] * 1000)])
    def test_an_order_that_is_not_offered_is_refused(self, value):
        dataset = DatasetFactory.create()
        answer = program("datasets.view_sample").get(f"/api/v1/datasets/{dataset.pk}/samples/", {"ordering": value})
        assert answer.status_code == 400
        assert answer.json()["code"] == "unknown_ordering"

    @pytest.mark.parametrize("value", ["-1", "0", "1001", "1000000", "1e3", "٣", LONG, "", "all", "1\x00"])
    def test_a_page_size_out_of_bounds_is_refused(self, value):
        answer = program("datasets.view_dataset").get("/api/v1/datasets/", {"page_size": value})
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_page_size"

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "last",
            "-1",
            "W10=",  # []
            "WyJuZXdlc3QiXQ==",  # ["newest"]
            "WyJuZXdlc3QiLCAiYSJd",  # ["newest", "a"]
            "WyJuZXdlc3QiLCB0cnVlXQ==",  # ["newest", true]
            "WyJuZXdlc3QiLCBOYU5d",  # ["newest", NaN]
            "WyJuZXdlc3QiLCAxLCAyXQ==",  # ["newest", 1, 2]
            "WyJvdGhlciIsIDFd",  # ["other", 1]
            "WyJuZXdlc3QiLCAxZTk5OV0=",  # ["newest", 1e999]
            "eyJhIjogMX0=",  # {"a": 1}
            "MQ==",  # 1
            "\xff",
            "A" * 10_000,
        ],
    )
    def test_a_forged_cursor_is_refused(self, value):
        answer = program("datasets.view_dataset").get("/api/v1/datasets/", {"cursor": value})
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_cursor"

    def test_a_parameter_given_twice_is_refused(self):
        answer = program("datasets.view_dataset").get("/api/v1/datasets/?name=a&name=b")
        assert answer.json()["code"] == "repeated_filter"

    @pytest.mark.parametrize("text", ["%", "_", "\\", "' OR 1=1 --", "[a-z]+", "🙂"])
    def test_a_name_is_searched_as_plain_text(self, text):
        DatasetFactory.create(name="digits")
        assert program("datasets.view_dataset").get("/api/v1/datasets/", {"name": text}).json()["results"] == []

    @pytest.mark.parametrize("text", ["a" * 101, "a" * 2**20, "a\x00"])
    def test_a_search_that_cannot_be_is_refused(self, text):
        answer = program("datasets.view_dataset").get("/api/v1/datasets/", {"name": text})
        assert answer.status_code == 400
        assert answer.json()["field"] == "name"


class TestPages:
    def test_pages_hold_everything_once_in_order(self):
        made = [DatasetFactory.create().pk for _ in range(7)]
        client = program("datasets.view_dataset")
        seen, address, pages = [], "/api/v1/datasets/?page_size=3", 0
        while address:
            page = client.get(address).json()
            seen += [row["id"] for row in page["results"]]
            address, pages = page["next"], pages + 1
        assert seen == made[::-1]
        assert pages == 3


class TestDescription:
    def test_the_schema_has_no_warnings(self, tmp_path):
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    def test_every_operation_says_what_its_errors_look_like(self):
        description = SchemaGenerator().get_schema(request=None, public=True)
        operations = [operation for path in description["paths"].values() for operation in path.values()]
        assert len(operations) > 50
        assert all("4XX" in operation["responses"] for operation in operations)
        assert description["components"]["schemas"]["Error"]["required"] == ["code", "message"]

    def test_schema_and_pages_are_served_to_those_who_have_signed_in(self, client):
        client.force_login(UserFactory.create())
        assert client.get("/api/v1/schema/").json()["info"]["title"] == "Hardmine"
        page = client.get("/api/v1/docs/").content.decode()
        assert "<script>" not in page
        assert "cdn" not in page
        assert client.get("/api/v1/docs/?script=").status_code == 200

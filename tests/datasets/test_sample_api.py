"""Samples and reviews in the REST API."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from datasets import counters
from datasets.models import Annotation, ReviewEvent, Sample, Status
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardReasonFactory,
    LabelFactory,
    PredictionFactory,
    SampleFactory,
    image_bytes,
)
from tests.programs import program

pytestmark = pytest.mark.django_db


def followed(client: APIClient, address: str) -> list[int]:
    """The ids of all pages from an address on."""
    ids = []
    while address:
        page = client.get(address).json()
        ids += [row["id"] for row in page["results"]]
        address = page["next"]
    return ids


class TestSampleList:
    def test_it_is_hardest_first_and_every_sample_stands_on_one_page(self):
        dataset = DatasetFactory.create()
        coefficients = [0.0, 0.3, 0.3, 0.3, 0.30000000000000004, 0.0, 0.9, 0.0, 0.0, 1.0]
        made = [SampleFactory.create(dataset=dataset, hard_coefficient=value) for value in coefficients]
        SampleFactory.create(hard_coefficient=0.5)
        expected = [row.pk for row in sorted(made, key=lambda row: (-row.hard_coefficient, -row.pk))]
        client = program("datasets.view_sample")
        for size in (1, 2, 3, 50):
            assert followed(client, f"/api/v1/datasets/{dataset.pk}/samples/?page_size={size}") == expected
        newest = followed(client, f"/api/v1/datasets/{dataset.pk}/samples/?page_size=3&ordering=newest")
        assert newest == sorted(expected, reverse=True)

    def test_a_cursor_belongs_to_its_order(self):
        sample = SampleFactory.create()
        SampleFactory.create(dataset=sample.dataset)
        client = program("datasets.view_sample")
        address = f"/api/v1/datasets/{sample.dataset_id}/samples/"
        following = client.get(address, {"page_size": 1}).json()["next"]
        assert client.get(f"{following}&ordering=newest").json()["code"] == "invalid_cursor"

    def test_a_page_costs_a_handful_of_queries_and_counts_nothing(self):
        dataset = DatasetFactory.create()
        for _ in range(20):
            sample = SampleFactory.create(dataset=dataset)
            AnnotationFactory.create(sample=sample)
            HardReasonFactory.create(sample=sample)
        client = program("datasets.view_sample")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(f"/api/v1/datasets/{dataset.pk}/samples/?page_size=10").json()
        assert len(page["results"]) == 10
        with CaptureQueriesContext(connection) as following:
            assert len(client.get(page["next"]).json()["results"]) == 10
        assert len(queries) <= 6
        assert len(following) <= 7
        assert not [query for query in queries if "COUNT(" in query["sql"].upper()]

    def test_it_is_filtered_by_all_that_is_known(self):
        dataset = DatasetFactory.create()
        hard = SampleFactory.create(
            dataset=dataset, hard=True, hard_coefficient=0.8, status=Status.TO_BE_CONFIRMED, predicted_label="dog",
            name="street 1.jpg",
        )  # fmt: skip
        plain = SampleFactory.create(dataset=dataset, hard_coefficient=0.1, predicted_label="cat", name="garden.jpg")
        HardReasonFactory.create(sample=hard, code=30)
        HardReasonFactory.create(sample=hard, code=1)
        for origin in Annotation.By.values:
            AnnotationFactory.create(sample=hard, label__name=f"dog {origin}", origin=origin)
        client = program("datasets.view_sample")

        def found(**query) -> list[int]:
            answer = client.get(f"/api/v1/datasets/{dataset.pk}/samples/", query)
            return [row["id"] for row in answer.json()["results"]]

        for query in (
            {"status": "to_be_confirmed"},
            {"hard": "true"},
            {"reason": 30},
            {"coefficient_min": 0.8},
            {"coefficient_min": 0.5, "coefficient_max": 1},
            {"label": "dog human"},
            {"predicted_label": "dog"},
            {"name": "STREET"},
        ):
            assert found(**query) == [hard.pk], query
        for query in ({"status": "unlabeled"}, {"hard": "false"}, {"coefficient_max": 0.5}, {"name": "garden"}):
            assert found(**query) == [plain.pk], query
        for query in ({"reason": 2}, {"label": "cat"}, {"hard": "true", "name": "garden"}):
            assert found(**query) == [], query

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("hard", "yes"),
            ("hard", "True "),
            ("status", "control"),
            ("reason", "-1"),
            ("reason", "1.5"),
            ("reason", "1e99"),
            ("coefficient_min", "NaN"),
            ("coefficient_min", "1e999"),
            ("coefficient_max", "2"),
            ("coefficient_max", "a"),
            ("label", "a\x00"),
            ("label", "a" * 1025),
        ],
    )
    def test_a_value_that_cannot_be_is_refused(self, name, value):
        dataset = DatasetFactory.create()
        answer = program("datasets.view_sample").get(f"/api/v1/datasets/{dataset.pk}/samples/", {name: value})
        assert answer.status_code == 400
        assert answer.json()["field"] == name

    def test_the_blind_control_is_never_shown(self):
        sample = SampleFactory.create(control=True)
        client = program("datasets.view_sample")
        listed = client.get(f"/api/v1/datasets/{sample.dataset_id}/samples/").json()["results"][0]
        shown = client.get(f"/api/v1/samples/{sample.pk}/").json()
        assert "control" not in listed
        assert "control" not in shown


class TestSample:
    def test_it_shows_the_evidence_of_its_flag(self):
        box = BoxFactory.create(sample__hard=True, sample__hard_coefficient=0.7)
        reason = HardReasonFactory.create(sample=box.sample, annotation=box)
        prediction = PredictionFactory.create(sample=box.sample)
        shown = program("datasets.view_sample").get(f"/api/v1/samples/{box.sample_id}/").json()
        assert (shown["hard"], shown["hard_set_by"], shown["hard_coefficient"]) == (True, "rules", 0.7)
        assert shown["annotations"][0]["label"] == box.label.name
        assert shown["annotations"][0]["box"] == [10.0, 20.0, 110.0, 220.0]
        evidence = shown["reasons"][0]
        assert (evidence["code"], evidence["rule"], evidence["annotation"]) == (1, "low_confidence", box.pk)
        assert (evidence["measured"], evidence["normal_low"], evidence["normal_high"]) == (0.05, 0.4, 1.0)
        assert evidence["sentence"] == reason.sentence
        assert shown["predictions"][0]["output"] == prediction.output
        assert [name["name"] for name in shown["names"]] == [box.sample.name]

    def test_its_image_is_served_as_what_it_is_and_can_do_nothing(self):
        data = image_bytes(1)
        sample = SampleFactory.create(blob__format="PNG", blob__size=len(data), name="x.html")
        folder = f"{sample.blob.sha256[:2]}/{sample.blob.sha256[2:4]}/{sample.blob.sha256}"
        storages["datasets"].save(f"blobs/{folder}.png", ContentFile(data))
        storages["datasets"].save(f"thumbnails/{folder}.jpg", ContentFile(b"small"))
        client = program("datasets.view_sample")
        whole = client.get(f"/api/v1/samples/{sample.pk}/image/")
        small = client.get(f"/api/v1/samples/{sample.pk}/thumbnail/")
        assert (whole.content, small.content) == (data, b"small")
        assert (whole["Content-Type"], small["Content-Type"]) == ("image/png", "image/jpeg")
        for answer in (whole, small):
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert program().get(f"/api/v1/samples/{sample.pk}/image/").status_code == 403

    def test_an_image_whose_file_is_lost_is_an_error_in_words(self):
        sample = SampleFactory.create()
        answer = program("datasets.view_sample").get(f"/api/v1/samples/{sample.pk}/image/")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestReview:
    def test_confirm_makes_it_labeled_by_the_caller(self):
        annotation = AnnotationFactory.create(sample__status=Status.TO_BE_CONFIRMED)
        sample = annotation.sample
        client = program("datasets.confirm_sample")
        answer = client.post(f"/api/v1/samples/{sample.pk}/confirm/", {"version": sample.version})
        assert answer.status_code == 200
        assert answer.json()["status"] == "labeled"
        assert answer.json()["version"] == sample.version + 1
        assert answer.json()["confirmed_by"] == ReviewEvent.objects.get().by.username
        assert counters.counts(sample.dataset).labeled == 1

    def test_confirm_takes_corrected_labels_and_boxes(self):
        box = BoxFactory.create(sample__status=Status.TO_BE_CONFIRMED)
        other = LabelFactory.create(dataset=box.sample.dataset, name="dog")
        body = {"version": 1, "annotations": [{"label": "dog", "box": [1, 2, 30.5, 40]}]}
        shown = program("datasets.confirm_sample").post(f"/api/v1/samples/{box.sample_id}/confirm/", body).json()
        assert [(row["label"], row["box"], row["origin"]) for row in shown["annotations"]] == [
            (other.name, [1, 2, 30.5, 40], "human")
        ]

    @pytest.mark.parametrize(
        ("annotation", "code"),
        [
            ({"label": "nothing", "box": [1, 2, 3, 4]}, "unknown_label"),
            ({"label": "dog", "box": [1, 2, 1, 4]}, "bad_box"),
            ({"label": "dog", "box": [-1, 2, 3, 4]}, "bad_box"),
            ({"label": "dog", "box": [1, 2, 641, 4]}, "bad_box"),
            ({"label": "dog"}, "bad_box"),
            ({"label": "dog", "box": [1, 2, 3]}, "invalid_input"),
            ({"label": "dog", "box": [1, 2, 3, "nan"]}, "invalid_input"),
            ({"label": "dog", "box": [1, 2, 3, "1e999"]}, "invalid_input"),
            ({"label": "dog", "box": [1, 2, 3, True]}, "bad_box"),
            ({"label": "dog", "box": {"xmin": 1}}, "invalid_input"),
            ({"label": "dog", "box": [1, 2, 3, 4], "hard": True}, "unknown_or_read_only_field"),
            ({"box": [1, 2, 3, 4]}, "invalid_input"),
            ({"label": ["dog"], "box": [1, 2, 3, 4]}, "invalid_input"),
            ("dog", "invalid_input"),
        ],
    )
    def test_a_bad_annotation_changes_nothing(self, annotation, code):
        sample = SampleFactory.create(dataset=DetectionDatasetFactory.create(), status=Status.TO_BE_CONFIRMED)
        LabelFactory.create(dataset=sample.dataset, name="dog")
        body = {"version": 1, "annotations": [annotation]}
        answer = program("datasets.confirm_sample").post(f"/api/v1/samples/{sample.pk}/confirm/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        sample.refresh_from_db()
        assert (sample.status, sample.version) == (Status.TO_BE_CONFIRMED, 1)
        assert not ReviewEvent.objects.exists()
        assert not Annotation.objects.exists()

    @pytest.mark.parametrize("verb", ["confirm", "reject"])
    def test_what_somebody_else_changed_meanwhile_is_not_overwritten(self, verb):
        sample = AnnotationFactory.create(sample__status=Status.TO_BE_CONFIRMED, sample__version=3).sample
        answer = program("datasets.confirm_sample").post(f"/api/v1/samples/{sample.pk}/{verb}/", {"version": 2})
        assert (answer.status_code, answer.json()["code"]) == (412, "stale")
        assert not ReviewEvent.objects.exists()

    def test_the_version_must_be_said(self):
        sample = SampleFactory.create()
        for body in ({}, {"version": None}, {"version": -1}, {"version": 2**62}, {"version": "x"}):
            answer = program("datasets.confirm_sample").post(f"/api/v1/samples/{sample.pk}/confirm/", body)
            assert answer.status_code in {400, 412}

    def test_reject_takes_it_back_to_unlabeled_and_keeps_the_prediction(self):
        prediction = PredictionFactory.create(sample__status=Status.TO_BE_CONFIRMED)
        sample = prediction.sample
        answer = program("datasets.confirm_sample").post(f"/api/v1/samples/{sample.pk}/reject/", {"version": 1})
        assert answer.json()["status"] == "unlabeled"
        assert len(answer.json()["predictions"]) == 1

    def test_marking_hard_touches_hardness_alone(self):
        sample = AnnotationFactory.create(sample__status=Status.TO_BE_CONFIRMED).sample
        client = program("datasets.mark_hard_sample", "datasets.view_sample")
        before = client.get(f"/api/v1/samples/{sample.pk}/").json()
        marked = client.post(f"/api/v1/samples/{sample.pk}/mark_hard/").json()
        changed = {name for name in before if before[name] != marked[name]}
        assert changed == {"hard", "hard_set_by", "version"}
        assert (marked["hard"], marked["hard_set_by"]) == (True, "person")
        assert client.post(f"/api/v1/samples/{sample.pk}/unmark_hard/").json()["hard"] is False

    @pytest.mark.parametrize("verb", ["confirm", "reject", "mark_hard", "unmark_hard"])
    def test_to_see_is_not_to_decide(self, verb):
        sample = SampleFactory.create()
        client = program("datasets.view_sample", "datasets.view_dataset", "datasets.change_sample")
        assert client.post(f"/api/v1/samples/{sample.pk}/{verb}/", {"version": 1}).status_code == 403
        assert client.post(f"/api/v1/datasets/{sample.dataset_id}/{verb}/", {"ids": [sample.pk]}).status_code == 403


class TestReviewOfMany:
    def test_many_are_confirmed_at_once_and_what_does_not_fit_is_passed_over(self):
        dataset = DatasetFactory.create()
        waiting = [
            AnnotationFactory.create(sample__dataset=dataset, sample__status=Status.TO_BE_CONFIRMED).sample.pk
            for _ in range(3)
        ]
        unlabeled = SampleFactory.create(dataset=dataset).pk
        client = program("datasets.confirm_sample")
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/confirm/", {"ids": [*waiting, unlabeled]})
        assert (answer.json()["changed"], answer.json()["passed_over"]) == (3, 1)
        assert ReviewEvent.objects.filter(batch=answer.json()["batch"]).count() == 3
        answer = client.post(f"/api/v1/datasets/{dataset.pk}/reject/", {"ids": waiting})
        assert answer.json()["changed"] == 3
        assert counters.counts(dataset).unlabeled == 4

    def test_many_are_marked_and_unmarked(self):
        dataset = DatasetFactory.create()
        ids = [SampleFactory.create(dataset=dataset).pk for _ in range(3)]
        client = program("datasets.mark_hard_sample")
        assert client.post(f"/api/v1/datasets/{dataset.pk}/mark_hard/", {"ids": ids}).json()["changed"] == 3
        assert counters.counts(dataset).hard == 3
        assert client.post(f"/api/v1/datasets/{dataset.pk}/unmark_hard/", {"ids": ids}).json()["changed"] == 3
        assert counters.counts(dataset).hard == 0

    def test_samples_of_another_dataset_are_not_reached(self):
        own, other = SampleFactory.create(), SampleFactory.create()
        answer = program("datasets.mark_hard_sample").post(
            f"/api/v1/datasets/{own.dataset_id}/mark_hard/", {"ids": [own.pk, other.pk]}
        )
        assert (answer.status_code, answer.json()["code"], answer.json()["item"]) == (404, "sample_not_found", other.pk)
        assert not Sample.objects.filter(hard=True).exists()

    @pytest.mark.parametrize(
        "ids", [[], None, "1", [None], ["a"], [0], [-1], [1.5], [2**62], [[1]], {"a": 1}, list(range(1, 10_002))]
    )
    def test_ids_that_cannot_be_are_refused(self, ids):
        dataset = DatasetFactory.create()
        answer = program("datasets.mark_hard_sample").post(f"/api/v1/datasets/{dataset.pk}/mark_hard/", {"ids": ids})
        assert answer.status_code in {400, 404}


class TestAddToDataset:
    def test_labeled_samples_join_another_dataset_once(self):
        annotation = AnnotationFactory.create(sample__status=Status.LABELED, sample__hard=True, label__name="dog")
        dataset = annotation.sample.dataset
        SampleFactory.create(dataset=dataset)
        target = DatasetFactory.create()
        client = program("datasets.add_to_dataset")
        address = f"/api/v1/datasets/{dataset.pk}/add_to_dataset/"
        assert client.post(address, {"target": target.pk}).json() == {
            "added": 1,
            "updated": 0,
            "already_there": 0,
            "passed_over": 0,
        }
        again = client.post(address, {"target": target.pk, "ids": [annotation.sample_id]}).json()
        assert (again["added"], again["already_there"]) == (0, 1)
        assert Sample.objects.get(dataset=target).hard

    def test_what_does_not_fit_is_refused(self):
        annotation = AnnotationFactory.create(sample__status=Status.LABELED)
        client = program("datasets.add_to_dataset")
        address = f"/api/v1/datasets/{annotation.sample.dataset_id}/add_to_dataset/"
        other = DetectionDatasetFactory.create()
        for body, status, code in (
            ({}, 400, "invalid_input"),
            ({"target": 2**62}, 400, "invalid_input"),
            ({"target": other.pk}, 409, "type_mismatch"),
            ({"target": other.pk, "ids": [SampleFactory.create().pk]}, 404, "sample_not_found"),
        ):
            answer = client.post(address, body)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert not Sample.objects.filter(dataset=other).exists()

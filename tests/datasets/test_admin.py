"""Every page of the datasets' admin opens, for those who may."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datasets import holds, locations, publishing
from datasets.models import Dataset, DatasetVersion, ImportTask, Sample, Status
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    DatasetVersionFactory,
    HoldFactory,
    ImportProblemFactory,
    ImportTaskFactory,
    LabelFactory,
    LabelingJobFactory,
    ReviewEventFactory,
    SampleFactory,
    StaffFactory,
    UserFactory,
    image_bytes,
)


@pytest.fixture
def admin(client, db):
    client.force_login(StaffFactory())
    return client


@pytest.fixture
def rows(db):
    dataset = DatasetFactory(name="street signs")
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True)
    LabelFactory(dataset=dataset)
    return {
        "dataset": dataset,
        "labelingjob": dataset.labeling_jobs.get(),
        "sample": sample,
        "datasetversion": DatasetVersionFactory(dataset=dataset),
        "importtask": ImportProblemFactory(task=ImportTaskFactory(dataset=dataset)).task,
        "reviewevent": ReviewEventFactory(sample=sample),
    }


MODELS = ["dataset", "labelingjob", "sample", "datasetversion", "importtask", "reviewevent"]


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_open(admin, rows, model):
    assert admin.get(reverse(f"admin:datasets_{model}_changelist")).status_code == 200
    assert admin.get(reverse(f"admin:datasets_{model}_change", args=[rows[model].pk])).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_are_for_those_who_may(client, rows, model):
    client.force_login(UserFactory(is_staff=True))
    assert client.get(reverse(f"admin:datasets_{model}_changelist")).status_code == 403
    assert client.get(reverse(f"admin:datasets_{model}_change", args=[rows[model].pk])).status_code == 403


@pytest.mark.parametrize("model", ["sample", "datasetversion", "importtask", "reviewevent"])
def test_what_verbs_write_is_not_made_by_hand(admin, rows, model):
    assert admin.get(reverse(f"admin:datasets_{model}_add")).status_code == 403


def test_a_new_dataset_has_its_counters_its_job_and_its_labels(admin):
    page = admin.post(
        reverse("admin:datasets_dataset_add"),
        {"name": "night", "task": "object_detection", "description": "", "label_names": "car\n\n bike \n"},
        follow=True,
    )
    assert page.status_code == 200
    dataset = Dataset.objects.get(name="night")
    assert dataset.counts.count() == 6
    assert dataset.labeling_jobs.get().is_default
    assert [label.name for label in dataset.labels.all()] == ["car", "bike"]


def test_the_task_of_a_dataset_never_changes(admin, rows):
    address = reverse("admin:datasets_dataset_change", args=[rows["dataset"].pk])
    label = rows["dataset"].labels.get()
    admin.post(
        address,
        {
            "name": "signs",
            "task": "object_detection",
            "description": "by day",
            "labels-TOTAL_FORMS": "1",
            "labels-INITIAL_FORMS": "1",
            "labels-0-id": str(label.pk),
            "labels-0-dataset": str(rows["dataset"].pk),
            "labels-0-name": "cat",
            "labels-0-color": "#102030",
            "labels-0-shortcut": "c",
        },
    )
    dataset = Dataset.objects.get(pk=rows["dataset"].pk)
    assert (dataset.name, dataset.description, dataset.task) == ("signs", "by day", "image_classification")
    label.refresh_from_db()
    assert (label.name, label.color, label.shortcut) == ("cat", "#102030", "c")


def test_a_dataset_that_is_held_is_not_deleted_and_says_why(admin, rows):
    HoldFactory(dataset=rows["dataset"], words="digits nightly fills it.")
    address = reverse("admin:datasets_dataset_delete", args=[rows["dataset"].pk])
    assert "digits nightly fills it." in admin.get(address).content.decode()
    page = admin.post(address, {"post": "yes"}, follow=True)
    assert "digits nightly fills it." in page.content.decode()
    assert Dataset.objects.filter(pk=rows["dataset"].pk).exists()


def test_a_free_dataset_is_deleted_with_its_samples(admin):
    dataset = DatasetFactory()
    SampleFactory(dataset=dataset)
    admin.post(reverse("admin:datasets_dataset_delete", args=[dataset.pk]), {"post": "yes"})
    assert not Dataset.objects.filter(pk=dataset.pk).exists()


def label_rows(dataset, *rows):
    """The POST of a dataset's page with these labels: (label or None, name, shortcut)."""
    fields = {"labels-TOTAL_FORMS": len(rows), "labels-INITIAL_FORMS": sum(1 for row in rows if row[0])}
    for number, (label, name, shortcut) in enumerate(rows):
        said = {"id": label.pk if label else "", "dataset": dataset.pk}
        said |= {"name": name, "shortcut": shortcut, "color": "#102030"}
        fields |= {f"labels-{number}-{key}": value for key, value in said.items()}
    return {"name": dataset.name, "description": "", **fields}


def test_labels_swap_their_shortcuts_and_share_none(admin, db):
    """A shortcut or a name that another label has is refused beside it; nothing is saved then."""
    dataset = DatasetFactory()
    cat, dog = (LabelFactory(dataset=dataset, name=name, shortcut=name[0]) for name in ("cat", "dog"))
    address = reverse("admin:datasets_dataset_change", args=[dataset.pk])
    taken = admin.post(address, label_rows(dataset, (cat, "cat", "c"), (dog, "dog", "d"), (None, "cow", "c")))
    assert "Another label of this dataset has the shortcut c." in taken.content.decode()
    unseen = admin.post(address, label_rows(dataset, (None, "cat", "x")))
    assert "Another label of this dataset has the name cat." in unseen.content.decode()
    assert dataset.labels.count() == 2
    admin.post(address, label_rows(dataset, (cat, "cat", "d"), (dog, "dog", "c")))
    assert dict(dataset.labels.values_list("name", "shortcut")) == {"cat": "d", "dog": "c"}


def test_start_labeling_leads_to_the_grid(admin, rows):
    address = reverse("admin:datasets_dataset_start_labeling", args=[rows["dataset"].pk])
    assert admin.get(address)["Location"] == reverse("labeling:job", args=[rows["labelingjob"].pk])


# --- dialogs
def page_of(rows, name: str) -> str:
    return reverse(f"admin:datasets_dataset_{name}", args=[rows["dataset"].pk])


def test_images_of_the_browser_become_an_import(admin, rows):
    assert "inputs:" in admin.get(page_of(rows, "import_data")).content.decode()
    files = [
        SimpleUploadedFile(f"image {number}.png", image_bytes(number), content_type="image/png") for number in (1, 2)
    ]
    words = {"uploads": files, "location": "", "format": "images", "final_annotation": "on"}
    page = admin.post(page_of(rows, "import_data"), words, follow=True)
    assert page.status_code == 200
    task = ImportTask.objects.latest("id")
    assert (task.uploaded, task.format, task.dataset) == (True, "images", rows["dataset"])
    assert "Upload" in page.content.decode()


def test_a_location_becomes_an_import(admin, rows):
    locations.write(locations.parse("outputs:street/a.png"), image_bytes(3))
    admin.post(page_of(rows, "import_data"), {"location": "outputs:street", "format": "directories"})
    task = ImportTask.objects.latest("id")
    assert (task.uploaded, task.location, task.final_annotation) == (False, "outputs:street", False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"location": "", "format": "images"}, "Choose files, or name a location"),
        ({"location": "/etc", "format": "images"}, ""),
        ({"location": "inputs:nothing", "format": "images"}, "There are no files"),
        ({"location": "inputs:street", "format": "coco"}, "Select a valid choice"),
    ],
)
def test_an_import_that_cannot_be_is_said_on_the_form(admin, rows, words, said):
    before = ImportTask.objects.count()
    page = admin.post(page_of(rows, "import_data"), words)
    assert page.status_code == 400
    assert said in page.content.decode()
    assert ImportTask.objects.count() == before


def test_publishing_begins_a_version(admin, rows):
    sample = SampleFactory(dataset=rows["dataset"], status=Status.LABELED)
    AnnotationFactory(sample=sample, label=rows["dataset"].labels.get())
    assert admin.get(page_of(rows, "publish")).status_code == 200
    DatasetVersion.objects.all().delete()
    page = admin.post(page_of(rows, "publish"), {"name": "spring", "hard_examples": "on"}, follow=True)
    assert "spring is being published." in page.content.decode()
    version = DatasetVersion.objects.get()
    assert (version.name, version.hard_examples, version.train_ratio) == ("spring", True, None)
    publishing.execute(version.pk)
    page = admin.post(page_of(rows, "publish"), {"hard_examples": "on"}, follow=True)
    assert "Nothing has changed since spring, so no new version was made." in page.content.decode()


def test_a_version_that_cannot_be_is_said_beside_its_field(admin, rows):
    page = admin.post(page_of(rows, "publish"), {"name": "no spaces", "train_ratio": "2"})
    assert page.status_code == 400
    assert page.context["form"].errors.keys() == {"train_ratio"}


@pytest.mark.parametrize("name", ["import_data", "publish"])
def test_dialogs_are_for_those_who_may(client, rows, name):
    client.force_login(UserFactory(is_staff=True))
    assert client.get(page_of(rows, name)).status_code == 403
    assert client.post(page_of(rows, name), {}).status_code == 403


def test_a_manifest_is_downloaded_under_its_datasets_name(admin, rows):
    locations.write(locations.parse("outputs:m/x.manifest"), b'{"source":"a"}\n')
    version = rows["datasetversion"]
    address = reverse("admin:datasets_datasetversion_manifest", args=[version.pk])
    assert admin.get(address).status_code == 404
    version.manifest, version.name = "outputs:m/x.manifest", "V007"
    version.save()
    answer = admin.get(address)
    assert b"".join(answer.streaming_content) == b'{"source":"a"}\n'
    assert "street%20signs-V007.manifest" in answer["Content-Disposition"]


def test_a_version_that_is_being_published_is_followed(admin, rows):
    version = rows["datasetversion"]
    DatasetVersion.objects.filter(pk=version.pk).update(status="publishing", manifest="")
    key = f"version-{version.pk}"
    holds.place(dataset=version.dataset, key=key, kind="publishing", words="A version is being published.")
    holds.progress(dataset=version.dataset, key=key, done=3, total=12)
    page = reverse("admin:datasets_datasetversion_change", args=[version.pk])
    asked = page.removesuffix("change/") + "progress"
    assert f'data-progress="{asked}"' in admin.get(page).content.decode()
    assert admin.get(asked).json() == {"share": 0.25, "words": "3 of 12", "active": True}
    DatasetVersion.objects.filter(pk=version.pk).update(status="failed")
    assert admin.get(asked).json()["active"] is False
    assert "data-progress" not in admin.get(page).content.decode()


def test_an_import_that_goes_on_is_followed_and_can_be_stopped(admin, rows):
    task = ImportTaskFactory(dataset=rows["dataset"], status="running", cursor=5, total=20)
    page = reverse("admin:datasets_importtask_change", args=[task.pk])
    stop = reverse("admin:datasets_importtask_stop", args=[task.pk])
    text = admin.get(page).content.decode()
    assert f'data-progress="{page.removesuffix("change/")}progress"' in text
    assert admin.get(page.removesuffix("change/") + "progress").json() == {
        "share": 0.25,
        "words": "5 of 20",
        "active": True,
    }
    assert "What it brought so far stays" in admin.get(stop).content.decode()
    admin.post(stop)
    task.refresh_from_db()
    assert task.status == "stopped"
    assert admin.get(stop).status_code == 403
    assert "data-progress" not in admin.get(page).content.decode()


def test_a_label_in_use_is_not_deleted_and_says_why(admin, rows):
    label = rows["dataset"].labels.get()
    AnnotationFactory(sample=rows["sample"], label=label)
    page = admin.post(
        reverse("admin:datasets_dataset_change", args=[rows["dataset"].pk]),
        {
            "name": "street signs",
            "description": "",
            "labels-TOTAL_FORMS": "1",
            "labels-INITIAL_FORMS": "1",
            "labels-0-id": str(label.pk),
            "labels-0-dataset": str(rows["dataset"].pk),
            "labels-0-name": label.name,
            "labels-0-color": label.color,
            "labels-0-DELETE": "on",
        },
    )
    assert "would require deleting the following protected related objects" in page.content.decode()
    assert rows["dataset"].labels.exists()


def test_a_jobs_name_leads_to_its_grid(admin, rows):
    text = admin.get(reverse("admin:datasets_labelingjob_changelist")).content.decode()
    assert f'href="{reverse("labeling:job", args=[rows["labelingjob"].pk])}">street signs</a>' in text


def test_the_list_of_jobs_has_my_creations(admin, rows):
    mine = LabelingJobFactory(dataset=rows["dataset"], name="night watch", created_by=StaffFactory())
    admin.force_login(mine.created_by)
    address = reverse("admin:datasets_labelingjob_changelist")
    everything, own = admin.get(address).content.decode(), admin.get(f"{address}?creations=my").content.decode()
    assert "My Creations" in everything
    assert "street signs</a>" in everything
    assert "night watch</a>" in own
    assert "street signs</a>" not in own


def test_a_new_job_takes_labels_of_its_dataset_at_once(admin, rows):
    inside, outside = rows["dataset"].labels.get(), LabelFactory(name="of another dataset")
    page = f"{reverse('admin:datasets_labelingjob_add')}?dataset={rows['dataset'].pk}&name=night"
    text = admin.get(page).content.decode()
    assert inside.name in text
    assert outside.name not in text
    said = {"name": "night", "dataset": rows["dataset"].pk, "labels": [outside.pk]}
    assert "not one of the available choices" in admin.post(page, said).content.decode()
    assert admin.post(page, {**said, "labels": [inside.pk]}).status_code == 302
    assert list(rows["dataset"].labeling_jobs.get(name="night").labels.all()) == [inside]


def test_a_new_job_without_scripts_is_led_to_its_labels(admin, rows):
    said = {"name": "night", "dataset": rows["dataset"].pk}
    answer = admin.post(reverse("admin:datasets_labelingjob_add"), said)
    job = rows["dataset"].labeling_jobs.get(name="night")
    assert answer["Location"] == reverse("admin:datasets_labelingjob_change", args=[job.pk])


# --- actions on samples
def act(client, rows, name: str, **words):
    chosen = {"action": name, "_selected_action": [rows["sample"].pk], **words}
    return client.post(reverse("admin:datasets_sample_changelist"), chosen, follow=True)


def everything_about(sample: Sample) -> dict:
    """All columns of a sample and of what hangs on it."""
    row = Sample.objects.filter(pk=sample.pk).values().get()
    return {**row, "annotations": list(sample.annotations.values()), "reasons": list(sample.reasons.values())}


def test_the_actions_have_the_names_of_the_product(admin, rows):
    text = admin.get(reverse("admin:datasets_sample_changelist")).content.decode()
    assert "Batch Process Hard Examples &gt; Confirm Hard Example" in text
    assert "Batch Process Hard Examples &gt; Unmark" in text
    assert "Add to dataset" in text


def test_confirm_hard_example_changes_hardness_alone_and_asks_first(admin, rows):
    rows["sample"] = SampleFactory(dataset=rows["dataset"], status=Status.TO_BE_CONFIRMED, hard_coefficient=0.4)
    AnnotationFactory(sample=rows["sample"], label=rows["dataset"].labels.get())
    before = everything_about(rows["sample"])
    asked = act(admin, rows, "confirm_hard_example")
    assert "1 sample to be confirmed as hard." in asked.content.decode()
    assert everything_about(rows["sample"]) == before
    act(admin, rows, "confirm_hard_example", confirmed="yes")
    after = everything_about(rows["sample"])
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"hard", "hard_set_by", "version"}
    assert (after["hard"], after["hard_set_by"]) == (True, "person")


def test_unmark_is_its_reverse(admin, rows):
    before = everything_about(rows["sample"])
    act(admin, rows, "unmark", confirmed="yes")
    after = everything_about(rows["sample"])
    assert {key for key in before if before[key] != after[key]} == {"hard", "hard_set_by", "version"}
    assert (after["hard"], after["hard_set_by"]) == (False, "person")


def test_add_to_dataset_asks_where_and_copies_what_is_labeled(admin, rows):
    rows["sample"] = SampleFactory(dataset=rows["dataset"], status=Status.LABELED)
    AnnotationFactory(sample=rows["sample"], label=rows["dataset"].labels.get())
    target = DatasetFactory(name="training")
    assert "training" in act(admin, rows, "add_to_dataset").content.decode()
    page = act(admin, rows, "add_to_dataset", confirmed="yes", target=target.pk)
    assert "1 added to training" in page.content.decode()
    assert target.samples.get().blob == rows["sample"].blob


def test_actions_are_for_those_who_may(client, rows):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_sample"))
    client.force_login(user)
    for name in ("confirm_hard_example", "unmark", "add_to_dataset"):
        before = everything_about(rows["sample"])
        act(client, rows, name, confirmed="yes", target=rows["dataset"].pk)
        assert everything_about(rows["sample"]) == before


def test_a_list_of_samples_is_counted_to_a_cap(admin, rows, monkeypatch):
    monkeypatch.setattr("datasets.admin.sample.COUNT_CAP", 3)
    for _ in range(5):
        SampleFactory(dataset=rows["dataset"])
    assert admin.get(reverse("admin:datasets_sample_changelist")).context["cl"].result_count == 3

"""The grid as a reviewer sees it."""

import pytest
from django.urls import reverse

from datasets.models import SampleCount, Status
from labeling import views
from tests.factories import (
    AnnotationFactory,
    BoxFactory,
    DatasetFactory,
    DetectionDatasetFactory,
    HardReasonFactory,
    HoldFactory,
    ImportTaskFactory,
    LabelFactory,
    SampleFactory,
)


def grid(dataset) -> str:
    return reverse("labeling:job", args=[dataset.labeling_jobs.get().pk])


@pytest.fixture
def dataset(db):
    return DatasetFactory(name="street signs")


def test_the_grid_needs_the_right_to_see_samples(dataset, client, outsider):
    assert client.get(grid(dataset)).status_code == 302
    assert outsider.get(grid(dataset)).status_code == 403
    assert outsider.get(grid(dataset) + "filters/").status_code == 403


def test_the_grid_opens_on_what_waits_for_a_person(dataset, review):
    SampleFactory(dataset=dataset, name="known.png", status=Status.LABELED)
    SampleFactory(dataset=dataset, name="wait.png", status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=0.8)
    page = review.get(grid(dataset))
    text = page.content.decode()
    assert page.status_code == 200
    assert "wait.png" in text
    assert "known.png" not in text
    assert "Hard example" in text
    assert "<strong>1</strong> of 2 labeled" in text


def test_a_page_of_fifty_takes_few_queries_and_counts_no_samples(dataset, review, django_assert_max_num_queries):
    label = LabelFactory(dataset=dataset)
    for number in range(51):
        sample = SampleFactory(dataset=dataset, hard_coefficient=number / 60, status=Status.TO_BE_CONFIRMED)
        AnnotationFactory(sample=sample, label=label)
        HardReasonFactory(sample=sample)
    with django_assert_max_num_queries(22) as captured:
        page = review.get(grid(dataset))
    assert page.content.decode().count('class="hm-card"') == 50
    assert not [query for query in captured if "COUNT(" in query["sql"]]


def test_the_next_page_begins_where_this_one_ends(dataset, review):
    for number in range(51):
        SampleFactory(dataset=dataset, name=f"number-{number:02}.png", hard_coefficient=number / 60)
    first = review.get(grid(dataset) + "?tab=all")
    second = review.get(f"{grid(dataset)}?{first.context['following']}")
    assert [card.sample.name for card in second.context["cards"]] == ["number-00.png"]
    assert second.context["page"].previous


def test_boxes_are_drawn_in_the_color_of_their_label(review):
    dataset = DetectionDatasetFactory()
    label = LabelFactory(dataset=dataset, name="cat", color="#12ab34")
    sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED)
    BoxFactory(sample=sample, label=label, confidence=0.4)
    text = review.get(grid(dataset)).content.decode()
    assert 'stroke="#12ab34" class="hm-doubtful"' in text
    assert 'viewBox="0 0 640 480"' in text


def test_names_stay_text(dataset, review):
    evil = "<img src=x onerror=alert(1)>"
    label = LabelFactory(dataset=dataset, name=evil)
    sample = SampleFactory(dataset=dataset, name=evil, predicted_label=evil, status=Status.TO_BE_CONFIRMED)
    AnnotationFactory(sample=sample, label=label)
    HardReasonFactory(sample=sample, sentence=evil, rule=evil)
    for address in (grid(dataset) + "?name=%3Cimg", grid(dataset) + "filters/"):
        text = review.get(address).content.decode()
        assert evil not in text
        assert "&lt;img src=x" in text


def test_who_may_not_be_known_stays_unknown(dataset, review):
    SampleFactory(dataset=dataset, control=True, status=Status.TO_BE_CONFIRMED)
    assert "control" not in review.get(grid(dataset)).context["cards"][0].__dict__
    text = review.get(grid(dataset)).content.decode()
    SampleFactory._meta.model.objects.update(control=False)
    assert _without_token(review.get(grid(dataset)).content.decode()) == _without_token(text)


def _without_token(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "csrf" not in line)


@pytest.mark.parametrize(
    ("address", "words"),
    [("", "No samples yet"), ("?hard=yes", "No sample matches these filters"), ("?tab=labeled", "No samples yet")],
)
def test_an_empty_page_says_why(dataset, review, address, words):
    assert words in review.get(grid(dataset) + address).content.decode()


def test_what_fills_the_dataset_stands_on_top(dataset, review):
    HoldFactory(dataset=dataset, words="digits nightly filters it.", done=10, total=40, link="/admin/")
    text = review.get(grid(dataset)).content.decode()
    assert "digits nightly filters it." in text
    assert 'aria-valuemax="40" aria-valuenow="10"' in text
    assert "width:25%" in text


def test_an_import_that_goes_on_stands_on_top(dataset, review):
    ImportTaskFactory(dataset=dataset, status="running", cursor=3, total=12)
    ImportTaskFactory(dataset=dataset, status="completed")
    page = review.get(grid(dataset))
    assert [(work.done, work.total) for work in page.context["filling"]] == [(3, 12)]
    assert "Being filled" in page.content.decode()


def test_a_filter_that_cannot_be_meant_is_said_not_ignored(dataset, review):
    SampleFactory(dataset=dataset, name="here.png")
    page = review.get(grid(dataset) + "?hard=perhaps")
    assert page.status_code == 400
    assert "here.png" not in page.content.decode()


def test_a_job_offers_the_labels_that_it_names(dataset, review):
    cat, dog = LabelFactory(dataset=dataset, name="cat"), LabelFactory(dataset=dataset, name="dog")
    job = dataset.labeling_jobs.get()
    assert review.get(grid(dataset)).context["labels"] == [cat, dog]
    job.labels.add(dog)
    assert review.get(grid(dataset)).context["labels"] == [dog]


def test_the_filter_panel_says_what_it_does_not_understand(dataset, review):
    answer = review.get(grid(dataset) + "filters/?reason=x")
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain")


def test_reasons_are_counted_for_the_tab(dataset, review):
    for _ in range(3):
        HardReasonFactory(
            sample=SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED), rule="no_target", code=0
        )
    HardReasonFactory(sample=SampleFactory(dataset=dataset), code=0, rule="no_target")
    text = review.get(grid(dataset) + "filters/?tab=to_be_confirmed").content.decode()
    assert 'no target <span class="hm-num">3</span>' in text
    assert "reason=0" in text


def test_a_rule_with_several_reasons_says_each_in_words(dataset, review):
    for codes in ((7, 10), (7,)):
        sample = SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED)
        for code in codes:
            HardReasonFactory(sample=sample, rule="image_distribution", code=code)
    text = review.get(grid(dataset) + "filters/?tab=to_be_confirmed&reason=10").content.decode()
    assert 'image distribution <span class="hm-num">2</span>' in text
    assert "rule=image_distribution" in text
    assert 'The image brightness is unlike the training set <span class="hm-num">2</span>' in text
    assert 'aria-current="true">The image clarity is unlike the training set <span class="hm-num">1</span>' in text
    assert "The image clarity is unlike the training set" in review.get(grid(dataset) + "?reason=10").content.decode()


def test_reasons_are_those_of_the_hardest_where_a_tab_is_long(dataset, review, monkeypatch):
    monkeypatch.setattr(views, "REASONS_OF", 2)
    for coefficient, rule in ((0.9, "no_target"), (0.8, "no_target"), (0.7, "outlier")):
        HardReasonFactory(sample=SampleFactory(dataset=dataset, hard_coefficient=coefficient), rule=rule)
    SampleCount.objects.filter(dataset=dataset, status=Status.UNLABELED, hard=False).update(count=3)
    text = review.get(grid(dataset) + "filters/?tab=all").content.decode()
    assert "Reasons of the hardest 2" in text
    assert 'no target <span class="hm-num">2</span>' in text
    assert "outlier" not in text


def test_what_matches_is_counted_with_all_of_its_stacks(dataset, review):
    for coefficient in (0.4, 0.8, 0.6):
        SampleFactory(dataset=dataset, hard_coefficient=coefficient, stack="m1-2", name="a.png")
    SampleFactory(dataset=dataset, name="a2.png")
    SampleFactory(dataset=dataset, name="b.png", stack="m1-2")
    assert "Select all 4<" in review.get(grid(dataset) + "?tab=all&name=a").content.decode()
    assert "Select all 3<" in review.get(grid(dataset) + "?tab=all&name=a.&stack=m1-2").content.decode()


def test_a_stack_is_one_card_with_its_number_that_opens_it(dataset, review):
    for coefficient in (0.4, 0.8, 0.6):
        SampleFactory(dataset=dataset, hard_coefficient=coefficient, stack="m1-2")
    text = review.get(grid(dataset) + "?tab=all").content.decode()
    assert text.count('class="hm-card"') == 1
    assert 'data-copies="3"' in text
    assert "tab=all&amp;stack=m1-2" in text
    opened = review.get(grid(dataset) + "?tab=all&stack=m1-2").content.decode()
    assert opened.count('class="hm-card"') == 3
    assert "one stack" in opened


def test_filters_stand_as_chips_that_take_them_away(dataset, review):
    SampleFactory(dataset=dataset, hard_coefficient=0.4)
    query = "?tab=all&coefficient_from=0.2&coefficient_to=0.9&added_from=2020-01-01&origin=import&rule=low_confidence"
    text = review.get(grid(dataset) + query).content.decode()
    for words in ("hard coefficient 0.2 to 0.9", "added from 2020-01-01", "Import", "low confidence"):
        assert words in text
    assert 'value="0.2"' in text


def test_why_a_card_is_hard_is_on_it(dataset, review):
    sample = SampleFactory(dataset=dataset, hard=True, hard_coefficient=0.83)
    HardReasonFactory(sample=sample, sentence="brightness <b>0.18</b>")
    text = review.get(grid(dataset) + "?tab=all").content.decode()
    assert "Brightness &lt;b&gt;0.18&lt;/b&gt;" in text
    assert '<b class="hm-num">0.83</b>' in text

"""Filters and minings through the REST API."""

import pytest

from hardexamples import learning_work
from hardexamples.models import FilterReport, HardExampleFilter
from hardexamples.notation import MODELARTS_WEIGHTS, format_weights
from tests.factories import FilteringServiceFactory, HardExampleFilterFactory, MiningFactory, MiningItemFactory
from tests.hardexamples.test_learning import chosen, mined, review  # noqa: F401  a fixture
from tests.programs import program

pytestmark = pytest.mark.django_db

WEIGHTS = format_weights(MODELARTS_WEIGHTS)


class TestFilters:
    def test_a_filter_is_made_and_changed_in_modelarts_notation(self):
        client = program("hardexamples.add_hardexamplefilter", "hardexamples.change_hardexamplefilter")
        answer = client.post("/api/v1/filters/", {"name": "mine", "comprehensive_algo_config": WEIGHTS})
        assert answer.status_code == 201
        assert (answer.json()["kind"], answer.json()["comprehensive_algo_config"]) == ("own", WEIGHTS)
        address = f"/api/v1/filters/{answer.json()['id']}/"
        changed = client.patch(address, {"algo_hard_threshold": 0.3}).json()
        assert (changed["algo_hard_threshold"], changed["comprehensive_algo_config"]) == (0.3, WEIGHTS)

    def test_a_preset_stays_as_it_is(self):
        preset = HardExampleFilterFactory.create(kind=HardExampleFilter.Kind.PRESET)
        client = program("hardexamples.change_hardexamplefilter")
        answer = client.patch(f"/api/v1/filters/{preset.pk}/", {"control_share": 0.1})
        assert (answer.status_code, answer.json()["code"]) == (409, "preset")

    @pytest.mark.parametrize(
        ("other", "code"),
        [
            ({"comprehensive_algo_config": "nothing:1"}, "invalid_notation"),
            ({"comprehensive_algo_config": ""}, "invalid_input"),
            ({"algo_hard_threshold": 1.1}, "invalid_input"),
            ({"algo_hard_threshold": "nan"}, "invalid_input"),
            ({"control_share": "1e999"}, "invalid_input"),
            ({"fusion": "pickle"}, "invalid_input"),
            ({"fitted": {}}, "unknown_or_read_only_field"),
            ({"kind": "preset"}, "unknown_or_read_only_field"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_made(self, other, code):
        before = HardExampleFilter.objects.count()
        body = {"name": "mine", "comprehensive_algo_config": WEIGHTS, **other}
        answer = program("hardexamples.add_hardexamplefilter").post("/api/v1/filters/", body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert HardExampleFilter.objects.count() == before

    def test_every_setting_is_written_and_read(self):
        client = program("hardexamples.add_hardexamplefilter", "hardexamples.change_hardexamplefilter")
        said = {
            "comprehensive_algo_config": WEIGHTS,
            "aug_op_config": "invert:0.4",
            "measure": "entropy",
            "cap": 40,
            "second_look_images": 0,
            "second_look_seconds": 5,
            "applies_proposals": True,
        }
        made = client.post("/api/v1/filters/", {"name": "mine", **said}).json()
        assert said.items() <= made.items()
        changed = client.patch(f"/api/v1/filters/{made['id']}/", {"cap": None, "name": "ours"}).json()
        assert (changed["cap"], changed["name"], changed["measure"]) == (None, "ours", "entropy")
        assert client.patch(f"/api/v1/filters/{made['id']}/", {}).json() == changed

    def test_an_own_filter_is_deleted_and_one_in_use_is_not(self):
        own, used = HardExampleFilterFactory.create(), FilteringServiceFactory.create(name="digits nightly").filter
        client = program("hardexamples.delete_hardexamplefilter")
        assert client.delete(f"/api/v1/filters/{own.pk}/").status_code == 204
        assert not HardExampleFilter.objects.filter(pk=own.pk).exists()
        answer = client.delete(f"/api/v1/filters/{used.pk}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "filter_in_use")
        assert "digits nightly" in answer.json()["message"]

    def test_it_learns_reports_applies_and_goes_back(self, chosen):  # noqa: F811
        review(mined(chosen), range(50))
        client = program("hardexamples.change_hardexamplefilter", "hardexamples.view_hardexamplefilter")
        address = f"/api/v1/filters/{chosen.pk}"
        before = client.get(f"{address}/report/").json()
        assert (before["status"], before["unread"], before["figures"], before["remaining"]) == (
            "finished",
            50,
            {},
            None,
        )
        assert client.post(f"{address}/apply/").json()["code"] == "no_proposal"
        asked = client.post(f"{address}/learn/")
        assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
        learning_work.execute(FilterReport.objects.get().pk)
        told = client.get(f"{address}/report/", {"remain": 0.05}).json()
        assert (told["status"], told["unread"], told["enough"], told["figures"]["reviews"]) == ("finished", 0, True, 50)
        assert told["remaining"]["share"] == 0.05
        assert told["figures"]["strata"]
        assert told["proposal"]["proposed"]["auroc"] > told["proposal"]["present"]["auroc"]
        assert client.post(f"{address}/apply/").json()["fitted"] == told["proposal"]["fusion"]
        (applied,) = client.get(f"{address}/report/").json()["learned_weights"]
        assert (applied["reviews"], applied["withdrawn_at"]) == (50, None)
        assert client.post(f"{address}/withdraw/").json()["fitted"] is None
        assert client.post(f"{address}/withdraw/").json()["code"] == "nothing_learned"

    @pytest.mark.parametrize("asked", [{"remain": "nan"}, {"remain": 2}, {"wish": 1}])
    def test_a_question_that_makes_no_sense_is_refused(self, asked):
        row = HardExampleFilterFactory.create()
        client = program("hardexamples.view_hardexamplefilter")
        assert client.get(f"/api/v1/filters/{row.pk}/report/", asked).status_code == 400

    @pytest.mark.parametrize("verb", ["learn", "apply", "withdraw"])
    def test_who_may_only_look_changes_nothing(self, verb):
        row = HardExampleFilterFactory.create()
        client = program("hardexamples.view_hardexamplefilter")
        assert client.post(f"/api/v1/filters/{row.pk}/{verb}/").status_code == 403

    def test_filters_are_listed_presets_first(self):
        own = HardExampleFilterFactory.create()
        listed = program("hardexamples.view_hardexamplefilter").get("/api/v1/filters/").json()["results"]
        assert listed[-1]["id"] == own.pk


class TestMinings:
    def test_a_mining_shows_what_every_rule_said_hardest_first(self):
        mining = MiningFactory.create(total=3, flagged=1, controls=1)
        for position, coefficient in enumerate([0.1, 0.9, 0.1]):
            scores = {"low_confidence": coefficient, "outlier": None}
            MiningItemFactory.create(
                mining=mining, position=position, coefficient=coefficient, flagged=coefficient > 0.5, scores=scores
            )
        client = program("hardexamples.view_mining")
        assert client.get("/api/v1/minings/", {"filter": mining.filter_id}).json()["results"][0]["id"] == mining.pk
        address = f"/api/v1/minings/{mining.pk}/items/"
        page = client.get(address, {"page_size": 2}).json()
        rows = page["results"] + client.get(page["next"]).json()["results"]
        assert [row["position"] for row in rows] == [1, 0, 2]
        assert rows[0]["scores"] == {"low_confidence": 0.9, "outlier": None}
        assert len(client.get(address, {"flagged": "true"}).json()["results"]) == 1

    def test_which_items_are_the_blind_control_is_not_told(self):
        item = MiningItemFactory.create(control=True)
        client = program("hardexamples.view_mining")
        shown = client.get(f"/api/v1/minings/{item.mining_id}/items/").json()["results"][0]
        assert "control" not in shown
        assert client.get(f"/api/v1/minings/{item.mining_id}/items/", {"control": "true"}).status_code == 400

"""Filters in the REST API: how hard examples are found, and what reviews have taught."""

from dataclasses import fields, replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door
from config.api.strict import FiniteFloat, Nothing, Strict
from hardexamples.estimates import Remaining
from hardexamples.filters import (
    MOST_HARD,
    MOST_LOOKED_AT_AGAIN,
    MOST_SECONDS,
    FilterChoices,
    apply_proposal,
    change_filter,
    create_filter,
    delete_filter,
    withdraw_weights,
)
from hardexamples.learning import remaining_of, unread
from hardexamples.learning_work import ask_to_learn
from hardexamples.models import FilterReport, HardExampleFilter, LearnedWeights, LearningStatus

CHOICES = tuple(each.name for each in fields(FilterChoices))
DEFAULTS = FilterChoices()


class LearnedWeightsSerializer(serializers.ModelSerializer):
    """Weights that reviews taught, in use since `applied_at`; `present` and `proposed` are figures on reviews held
    out, as they were then."""

    applied_by: serializers.Field = serializers.StringRelatedField()
    withdrawn_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = LearnedWeights
        fields = [
            "id", "reviews", "present", "proposed", "applied_at", "applied_by", "withdrawn_at", "withdrawn_by",
        ]  # fmt: skip
        read_only_fields = fields


class FilterSerializer(serializers.ModelSerializer):
    """A filter in ModelArts' notation: weights of the algorithms, a threshold, augmentations. `fitted` holds the
    weights learned from reviews that it uses, or null."""

    created_by: serializers.Field = serializers.StringRelatedField()

    class Meta:
        model = HardExampleFilter
        fields = ["id", "name", "kind", *CHOICES, "fusion_version", "fitted", "created_at", "created_by"]
        read_only_fields = fields


class FilterInput(Strict):
    """A filter in ModelArts' notation: `algorithm:weight`, joined by +."""

    name = serializers.CharField(max_length=100)
    comprehensive_algo_config = serializers.CharField(max_length=4096)
    algo_hard_threshold = FiniteFloat(min_value=0, max_value=1, default=DEFAULTS.algo_hard_threshold)
    aug_op_config = serializers.CharField(max_length=4096, allow_blank=True, default=DEFAULTS.aug_op_config)
    control_share = FiniteFloat(min_value=0, max_value=1, default=DEFAULTS.control_share)
    fusion = serializers.ChoiceField(choices=HardExampleFilter.Fusion.choices, default=DEFAULTS.fusion)
    measure = serializers.ChoiceField(choices=HardExampleFilter.Measure.choices, default=DEFAULTS.measure)
    cap = serializers.IntegerField(min_value=1, max_value=MOST_HARD, allow_null=True, default=None)
    second_look_images = serializers.IntegerField(
        min_value=0, max_value=MOST_LOOKED_AT_AGAIN, default=DEFAULTS.second_look_images
    )
    second_look_seconds = serializers.IntegerField(
        min_value=0, max_value=MOST_SECONDS, default=DEFAULTS.second_look_seconds
    )
    applies_proposals = serializers.BooleanField(default=False)


class FilterChange(FilterInput):
    """What changes; the rest stays."""

    def get_fields(self) -> dict[str, serializers.Field]:
        found = super().get_fields()
        for field in found.values():
            field.required, field.default = False, serializers.empty
        return found


class RemainingSerializer(serializers.Serializer):
    """How many more images should be looked at, hardest first, until fewer than `share` of all are wrong."""

    share = serializers.FloatField()
    errors_left = serializers.FloatField(help_text="Wrong predictions that nobody looked at yet, likely.")
    images = serializers.IntegerField(help_text="Likely.")
    images_high = serializers.IntegerField(help_text="To be safe: with every rate at the upper end of its interval.")


class ReportSerializer(serializers.Serializer):
    """What reviews tell about a filter. `figures` holds counts, estimates with 95 % intervals, strata and the curve;
    `proposal` new weights with their figures on reviews held out beside the present ones."""

    status = serializers.ChoiceField(choices=LearningStatus.choices)
    error = serializers.CharField()
    learned_at = serializers.DateTimeField(allow_null=True)
    unread = serializers.IntegerField(help_text="Review events since it last learned.")
    enough = serializers.BooleanField(help_text="Whether there are enough reviews to propose weights.")
    figures = serializers.DictField()
    proposal = serializers.DictField(allow_null=True)
    remaining = RemainingSerializer(allow_null=True, help_text="Null before any control image was reviewed.")
    learned_weights = LearnedWeightsSerializer(many=True, help_text="What was applied, the newest first.")


class ReportQuestion(serializers.Serializer):
    """What one wants to know of a report."""

    remain = FiniteFloat(min_value=0, max_value=1, default=0.01, help_text="Share of all images that may stay wrong.")


class FilterDoor(ListModelMixin, RetrieveModelMixin, Door):
    """How hard examples are found."""

    queryset = HardExampleFilter.objects.select_related("created_by")
    serializer_class = FilterSerializer
    orders = {"oldest": ("id",)}
    lookup_value_converter = "int"
    keyed = frozenset({"create", "learn", "apply", "withdraw"})
    permissions = {
        "list": "hardexamples.view_hardexamplefilter",
        "retrieve": "hardexamples.view_hardexamplefilter",
        "report": "hardexamples.view_hardexamplefilter",
        "create": "hardexamples.add_hardexamplefilter",
        "partial_update": "hardexamples.change_hardexamplefilter",
        "learn": "hardexamples.change_hardexamplefilter",
        "apply": "hardexamples.change_hardexamplefilter",
        "withdraw": "hardexamples.change_hardexamplefilter",
        "destroy": "hardexamples.delete_hardexamplefilter",
    }

    @extend_schema(request=FilterInput, responses={201: FilterSerializer})
    def create(self, request: Request) -> Response:
        """Make a filter of one's own."""
        said = self.said(FilterInput)
        made = create_filter(name=said.pop("name"), choices=FilterChoices(**said), by=self.caller)
        return self.answer(made, FilterSerializer, status=201)

    @extend_schema(request=FilterChange, responses=FilterSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a filter; runs that were started keep what they froze."""
        chosen, said = self.get_object(), self.said(FilterChange)
        name = said.pop("name", None)
        choices = replace(FilterChoices.of(chosen), **said)
        changed = change_filter(chosen=chosen, choices=choices, name=name, by=self.caller)
        return self.answer(changed, FilterSerializer)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a filter of one's own that no service uses; the minings that it made stay."""
        delete_filter(chosen=self.get_object(), by=self.caller)
        return Response(status=204)

    @extend_schema(request=Nothing, responses={202: ReportSerializer})
    @action(detail=True, methods=["post"])
    def learn(self, request: Request, pk: int) -> Response:
        """Let a worker read what people decided since the last time; watch `report/`."""
        chosen, _ = self.get_object(), self.said(Nothing)
        ask_to_learn(chosen=chosen, by=self.caller)
        return Response(_report(chosen, share=0.01), status=202)

    @extend_schema(parameters=[ReportQuestion], responses=ReportSerializer)
    @action(detail=True, methods=["get"])
    def report(self, request: Request, pk: int) -> Response:
        """What reviews tell about the filter, and how many more should be looked at."""
        question = ReportQuestion(data=request.query_params)
        question.is_valid(raise_exception=True)
        return Response(_report(self.get_object(), share=question.validated_data["remain"]))

    @extend_schema(request=Nothing, responses=FilterSerializer)
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: int) -> Response:
        """Use the proposed weights from the next run on. A preset stays as it is: the answer is a new filter."""
        chosen, _ = self.get_object(), self.said(Nothing)
        return self.answer(apply_proposal(chosen=chosen, by=self.caller), FilterSerializer)

    @extend_schema(request=Nothing, responses=FilterSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: int) -> Response:
        """Go back to what was in use before the last learned weights; the filter no longer applies any by itself."""
        chosen, _ = self.get_object(), self.said(Nothing)
        return self.answer(withdraw_weights(chosen=chosen, by=self.caller), FilterSerializer)

    def _declared(self) -> set[str]:
        return {"remain"} if self.action == "report" else super()._declared()


def _remaining(left: Remaining, share: float) -> dict[str, float]:
    return {"share": share, "errors_left": left.errors, "images": left.images, "images_high": left.images_high}


def _report(chosen: HardExampleFilter, *, share: float) -> dict[str, Any]:
    report = FilterReport.objects.filter(filter=chosen).first()
    left = remaining_of(report, share=share) if report else None
    return ReportSerializer(
        {
            "status": report.status if report else LearningStatus.FINISHED,
            "error": report.error if report else "",
            "learned_at": report.learned_at if report and report.figures else None,
            "unread": unread(report),
            "enough": bool(report and report.figures.get("enough")),
            "figures": report.figures if report else {},
            "proposal": report.proposal if report else None,
            "remaining": _remaining(left, share) if left else None,
            "learned_weights": chosen.learned.select_related("applied_by", "withdrawn_by")[:100],
        }
    ).data

"""Filters as people set them, in ModelArts' notation, and as the rules read them."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from config.refusals import Refused
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import FilterReport, HardExampleFilter, LearnedWeights
from hardexamples.notation import (
    MODELARTS_AUGMENTATIONS,
    MODELARTS_THRESHOLD,
    MODELARTS_WEIGHTS,
    format_augmentations,
    format_weights,
    parse_augmentations,
    parse_weights,
)
from hardexamples.scoring import FUSION_VERSION

DEFAULT = "Hardmine default"
NAME_LENGTH = 100
MODELARTS = "ModelArts"
MOST_HARD = 10_000_000
MOST_LOOKED_AT_AGAIN = 1_000_000
MOST_SECONDS = 86_400
_PRESETS = {DEFAULT: HardExampleFilter.Fusion.FITTED, MODELARTS: HardExampleFilter.Fusion.WEIGHTS}
_LIMITS = {
    "algo_hard_threshold": (0, 1),
    "control_share": (0, 1),
    "cap": (1, MOST_HARD),
    "second_look_images": (0, MOST_LOOKED_AT_AGAIN),
    "second_look_seconds": (0, MOST_SECONDS),
}


@dataclass(frozen=True)
class FilterChoices:
    """What a person chooses about a filter, as it is written down.

    Args:
        comprehensive_algo_config: weights, `algorithm:weight` joined by `+`.
        algo_hard_threshold: a coefficient of at least this is hard, 0..1.
        aug_op_config: augmentations in the same notation; empty: none.
        control_share: share of the not flagged that people check blindly, 0..1.
        fusion: "fitted" or "weights", as `HardExampleFilter.Fusion`.
        measure: how doubt is measured, as `HardExampleFilter.Measure`.
        cap: never more hard examples than this, at least 1; None for all.
        second_look_images, second_look_seconds: budget of the second look, up to 1,000,000 images and 86,400 s; 0 is
            no second look.
        applies_proposals: weights learned from reviews are used as soon as they are better.
    """

    comprehensive_algo_config: str = format_weights(MODELARTS_WEIGHTS)
    algo_hard_threshold: float = MODELARTS_THRESHOLD
    aug_op_config: str = format_augmentations(MODELARTS_AUGMENTATIONS)
    control_share: float = 0.02
    fusion: str = HardExampleFilter.Fusion.FITTED
    measure: str = HardExampleFilter.Measure.MARGIN
    cap: int | None = None
    second_look_images: int = 300
    second_look_seconds: int = 120
    applies_proposals: bool = False

    @classmethod
    def of(cls, row: HardExampleFilter) -> Self:
        """As they stand in a filter."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(cls)})

    def write(self, row: HardExampleFilter) -> None:
        """Puts them into a filter, unsaved, its weights as they are printed.

        Raises:
            Refused: invalid_notation, bad_value.
        """
        for name, (least, most) in _LIMITS.items():
            number = getattr(self, name)
            if number is not None and not least <= number <= most:
                raise Refused("bad_value", f"Write a number between {least:,} and {most:,}.", field=name)
        written = asdict(self) | {
            "comprehensive_algo_config": format_weights(parse_weights(self.comprehensive_algo_config)),
            "aug_op_config": format_augmentations(parse_augmentations(self.aug_op_config)),
        }
        for name, value in written.items():
            setattr(row, name, value)


def preset(name: str = DEFAULT) -> HardExampleFilter:
    """One of the two filters that everybody starts with: "Hardmine default" learns its weights from the training
    manifest, "ModelArts" keeps the seven weights as they stand."""
    choices = FilterChoices(fusion=_PRESETS[name])
    return HardExampleFilter.objects.get_or_create(
        name=name, defaults={"kind": HardExampleFilter.Kind.PRESET, **asdict(choices)}
    )[0]


def settings_of(chosen: HardExampleFilter) -> FilterSettings:
    """A filter as the rules read it.

    Raises:
        Refused: invalid_notation.
    """
    return FilterSettings(
        weights=parse_weights(chosen.comprehensive_algo_config),
        fusion=chosen.fusion,
        threshold=chosen.algo_hard_threshold,
        measure=chosen.measure,
        augmentations=parse_augmentations(chosen.aug_op_config),
        control_share=chosen.control_share,
        cap=chosen.cap,
        second_look_images=chosen.second_look_images,
        second_look_seconds=chosen.second_look_seconds,
    )


def create_filter(*, name: str, by: User | None, choices: FilterChoices) -> HardExampleFilter:
    """A filter of one's own.

    Args:
        name: unique, at most 100 characters.
        by: who makes it.
        choices: what it shall do.

    Raises:
        Refused: invalid_notation, bad_value, name_exists (409).
    """
    made = HardExampleFilter(name=name.strip(), kind=HardExampleFilter.Kind.OWN, created_by=by)
    choices.write(made)
    return _save(made)


@transaction.atomic
def change_filter(
    *, chosen: HardExampleFilter, by: User | None, choices: FilterChoices, name: str | None = None
) -> HardExampleFilter:
    """Changes a filter of one's own; runs that were started keep what they froze.

    Weights learned from reviews go with the algorithms, augmentations and measure that they were learned with: where
    one of these changes they are withdrawn.

    Args:
        chosen: the filter.
        by: who changes it.
        choices: all that it shall do from now on.
        name: its new name; None leaves it.

    Raises:
        Refused: preset (409); as `create_filter`.
    """
    row = _own(chosen)
    before = FilterChoices.of(row)
    choices.write(row)
    row.name = row.name if name is None else name.strip()
    if _taught(before) != _taught(FilterChoices.of(row)):
        row.fitted = None
        row.learned.filter(withdrawn_at=None).update(withdrawn_at=timezone.now(), withdrawn_by=by)
        FilterReport.objects.filter(filter=row).update(proposal=None)
    return _save(row)


@transaction.atomic
def delete_filter(*, chosen: HardExampleFilter, by: User | None) -> None:
    """Deletes a filter of one's own with what it learned; the minings that it made stay.

    Raises:
        Refused: preset, filter_in_use (409).
    """
    row = _own(chosen)
    try:
        row.delete()
    except ProtectedError as error:
        users = ", ".join(sorted(str(each) for each in error.protected_objects)[:5])
        words = f"{row} is in use by {users}. Choose another filter there, then delete this one."
        raise Refused("filter_in_use", words, status=409) from None


@transaction.atomic
def apply_proposal(*, chosen: HardExampleFilter, by: User | None) -> HardExampleFilter:
    """From now on the filter uses the weights that its reviews propose; minings that have begun keep theirs.

    A preset stays as it is: then a new filter with these weights is made, which nobody uses yet. The same proposal
    twice changes nothing more.

    Args:
        chosen: the filter that has learned.
        by: who decides it; None for the filter's own setting.

    Returns:
        The filter that has the weights.

    Raises:
        Refused: no_proposal (409) where there were too few reviews.
    """
    report = FilterReport.objects.select_for_update().filter(filter=chosen).first()
    if report is None or report.proposal is None:
        raise Refused("no_proposal", "Too few reviews so far to propose weights.", status=409)
    proposal = report.proposal
    if proposal["fusion"]["version"] != FUSION_VERSION:
        raise Refused("no_proposal", "The proposal is of an earlier version; learn from reviews again.", status=409)
    row = HardExampleFilter.objects.select_for_update().get(pk=chosen.pk)
    if row.kind == HardExampleFilter.Kind.PRESET:
        made = HardExampleFilter.objects.filter(fitted=proposal["fusion"]).first()
        if made is not None:
            return made
        row = create_filter(name=_free(row.name, proposal["reviews"]), by=by, choices=FilterChoices.of(row))
    elif row.fitted == proposal["fusion"]:
        return row
    LearnedWeights.objects.create(
        filter=row,
        applied_by=by,
        **{name: proposal[name] for name in ("fusion", "reviews", "present", "proposed")},
    )
    return _use(row, proposal["fusion"])


@transaction.atomic
def withdraw_weights(*, chosen: HardExampleFilter, by: User | None) -> HardExampleFilter:
    """Back to what the filter used before the last weights that were learned from reviews: earlier ones, or what the
    training manifest teaches. The filter no longer applies proposals by itself: it would take these up again.

    Raises:
        Refused: nothing_learned (409) where it uses no learned weights.
    """
    row = HardExampleFilter.objects.select_for_update().get(pk=chosen.pk)
    standing = list(row.learned.filter(withdrawn_at=None)[:2])
    if not standing:
        raise Refused("nothing_learned", f"{row} uses no weights that were learned from reviews.", status=409)
    LearnedWeights.objects.filter(pk=standing[0].pk).update(withdrawn_at=timezone.now(), withdrawn_by=by)
    row.applies_proposals = False
    return _use(row, standing[1].fusion if len(standing) > 1 else None)


def _use(row: HardExampleFilter, fusion: dict[str, Any] | None) -> HardExampleFilter:
    row.fitted = fusion
    row.fusion_version = FUSION_VERSION
    row.save(update_fields=["fitted", "fusion_version", "applies_proposals"])
    return row


def _taught(choices: FilterChoices) -> tuple[object, ...]:
    """What learned weights rest on."""
    weights, operations = parse_weights(choices.comprehensive_algo_config), parse_augmentations(choices.aug_op_config)
    return weights, operations, choices.fusion, choices.measure


def _own(chosen: HardExampleFilter) -> HardExampleFilter:
    row = HardExampleFilter.objects.select_for_update().get(pk=chosen.pk)
    if row.kind == HardExampleFilter.Kind.PRESET:
        raise Refused("preset", "A preset stays as it is; make a filter of your own from it.", status=409)
    return row


def _free(name: str, reviews: int) -> str:
    """A name for what these reviews of a filter taught, numbered where it is taken."""
    end = f", {reviews} reviews"
    plain = name[: NAME_LENGTH - len(end) - 5] + end
    taken = set(HardExampleFilter.objects.filter(name__startswith=plain).values_list("name", flat=True))
    numbered = (plain, *(f"{plain} ({number})" for number in range(2, len(taken) + 3)))
    return next(each for each in numbered if each not in taken)


def _save(row: HardExampleFilter) -> HardExampleFilter:
    try:
        row.full_clean(validate_unique=False)
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused("bad_value", messages[0], field=field) from None
    except IntegrityError:
        raise Refused("name_exists", f"There is a filter {row.name} already.", status=409, field="name") from None
    return row

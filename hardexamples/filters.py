"""Filters as people set them, in ModelArts' notation, and as the rules read them."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from config.refusals import Refused
from hardexamples.models import FilterReport, HardExampleFilter
from hardexamples.notation import (
    MODELARTS_AUGMENTATIONS,
    MODELARTS_THRESHOLD,
    MODELARTS_WEIGHTS,
    format_augmentations,
    format_weights,
    parse_augmentations,
    parse_weights,
)
from hardexamples.scoring import FilterSettings

DEFAULT = "Hardmine default"
NAME_LENGTH = 100
MODELARTS = "ModelArts"
_PRESETS = {DEFAULT: HardExampleFilter.Fusion.FITTED, MODELARTS: HardExampleFilter.Fusion.WEIGHTS}


def preset(name: str = DEFAULT) -> HardExampleFilter:
    """One of the two filters that everybody starts with: "Hardmine default" learns its weights from the training
    manifest, "ModelArts" keeps the seven weights as they stand."""
    return HardExampleFilter.objects.get_or_create(
        name=name,
        defaults={
            "kind": HardExampleFilter.Kind.PRESET,
            "fusion": _PRESETS[name],
            "comprehensive_algo_config": format_weights(MODELARTS_WEIGHTS),
            "algo_hard_threshold": MODELARTS_THRESHOLD,
            "aug_op_config": format_augmentations(MODELARTS_AUGMENTATIONS),
        },
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
        control_share=chosen.control_share,
    )


def create_filter(
    *,
    name: str,
    by: User | None,
    comprehensive_algo_config: str,
    algo_hard_threshold: float = MODELARTS_THRESHOLD,
    aug_op_config: str = "",
    control_share: float = 0.02,
    fusion: str = HardExampleFilter.Fusion.FITTED,
) -> HardExampleFilter:
    """A filter of one's own.

    Args:
        name: unique, at most 100 characters.
        by: who makes it.
        comprehensive_algo_config: weights, `algorithm:weight` joined by `+`.
        algo_hard_threshold: a coefficient of at least this is hard, 0..1.
        aug_op_config: augmentations in the same notation, may be empty.
        control_share: share of the not flagged that people check blindly, 0..1.
        fusion: "fitted" or "weights", as `HardExampleFilter.Fusion`.

    Raises:
        Refused: invalid_notation, bad_value, name_exists (409).
    """
    made = HardExampleFilter(name=name.strip(), kind=HardExampleFilter.Kind.OWN, created_by=by)
    return _save(made, comprehensive_algo_config, algo_hard_threshold, aug_op_config, control_share, fusion)


def change_filter(
    *,
    chosen: HardExampleFilter,
    by: User | None,
    comprehensive_algo_config: str,
    algo_hard_threshold: float,
    aug_op_config: str,
    control_share: float,
    fusion: str,
) -> HardExampleFilter:
    """Changes a filter of one's own; runs that were started keep what they froze. Arguments as `create_filter`.

    Raises:
        Refused: preset (409); as `create_filter`.
    """
    if chosen.kind == HardExampleFilter.Kind.PRESET:
        raise Refused("preset", "A preset stays as it is; make a filter of your own from it.", status=409)
    return _save(chosen, comprehensive_algo_config, algo_hard_threshold, aug_op_config, control_share, fusion)


@transaction.atomic
def apply_proposal(*, chosen: HardExampleFilter, by: User | None) -> HardExampleFilter:
    """A new filter with the weights that the reviews of `chosen` propose; `chosen` stays as it is.

    Args:
        chosen: the filter that has learned.
        by: who decides it.

    Returns:
        A filter of kind fitted, named after `chosen` and the number of reviews. The same proposal twice is the same
        filter.

    Raises:
        Refused: no_proposal (409) where there were too few reviews.
    """
    report = FilterReport.objects.select_for_update().filter(filter=chosen).first()
    if report is None or report.proposal is None:
        raise Refused("no_proposal", "Too few reviews so far to propose weights.", status=409)
    end = f", {report.proposal['reviews']} reviews"
    name = chosen.name.partition(", ")[0][: NAME_LENGTH - len(end)] + end
    fitted = report.proposal["fusion"]
    known = HardExampleFilter.objects.filter(kind=HardExampleFilter.Kind.FITTED, fitted=fitted).first()
    if known is not None:
        return known
    return HardExampleFilter.objects.create(
        name=_free(name),
        kind=HardExampleFilter.Kind.FITTED,
        fusion=HardExampleFilter.Fusion.FITTED,
        comprehensive_algo_config=chosen.comprehensive_algo_config,
        algo_hard_threshold=chosen.algo_hard_threshold,
        aug_op_config=chosen.aug_op_config,
        control_share=chosen.control_share,
        fusion_version=fitted["version"],
        fitted=fitted,
        created_by=by,
    )


def _free(name: str) -> str:
    """The name, numbered where it is taken."""
    taken = set(
        HardExampleFilter.objects.filter(name__startswith=name[: NAME_LENGTH - 5]).values_list("name", flat=True)
    )
    numbered = (name, *(f"{name[: NAME_LENGTH - 5]} ({number})" for number in range(2, 100)))
    return next(each for each in numbered if each not in taken)


def _save(
    row: HardExampleFilter, weights: str, threshold: float, augmentations: str, control_share: float, fusion: str
) -> HardExampleFilter:
    row.comprehensive_algo_config = format_weights(parse_weights(weights))
    row.aug_op_config = format_augmentations(parse_augmentations(augmentations))
    row.algo_hard_threshold = threshold
    row.control_share = control_share
    row.fusion = fusion
    row.fitted = None
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

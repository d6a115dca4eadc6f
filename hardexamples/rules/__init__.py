"""All rules: every module beside this one that holds a `Rule`. Adding a rule is adding its file."""

from functools import cache
from importlib import import_module
from inspect import isclass
from pkgutil import iter_modules
from types import ModuleType

from hardexamples.rules.contract import (
    AUGMENTATIONS,
    MODELARTS_AUGMENTATIONS,
    MODELARTS_WEIGHTS,
    NEEDS,
    Batch,
    Evidence,
    Reference,
    Rule,
)

__all__ = [
    "AUGMENTATIONS",
    "MODELARTS_AUGMENTATIONS",
    "MODELARTS_WEIGHTS",
    "NEEDS",
    "Batch",
    "Evidence",
    "Reference",
    "Rule",
    "collect",
    "rules",
]


def collect(modules: list[ModuleType]) -> dict[str, type[Rule]]:
    """The rules of `modules` by name.

    Raises:
        TypeError: a module with two rules, a rule with an unknown algorithm or need or without texts for
            its reasons, or two rules with one name or one reason code.
    """
    found: dict[str, type[Rule]] = {}
    owner: dict[int, str] = {}
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        here = [c for c in vars(module).values() if isclass(c) and issubclass(c, Rule) and c is not Rule]
        here = [c for c in here if c.__module__ == module.__name__]
        if not here:
            continue
        if len(here) > 1 or name in found:
            raise TypeError(f"{name}: more than one rule of this name")
        rule = here[0]
        if rule.algorithm not in MODELARTS_WEIGHTS or not rule.needs <= NEEDS.keys():
            raise TypeError(f"{name}: unknown algorithm or need")
        if not rule.reasons or set(rule.reasons) != set(rule.suggestions):
            raise TypeError(f"{name}: every reason needs a text and a suggestion")
        for code in rule.reasons:
            if code in owner:
                raise TypeError(f"reason {code} belongs to {owner[code]} and to {name}")
            owner[code] = name
        found[name] = rule
    return found


@cache
def _discovered() -> dict[str, type[Rule]]:
    names = sorted(module.name for module in iter_modules(__path__))
    return collect([import_module(f"{__name__}.{name}") for name in names])


def rules() -> dict[str, type[Rule]]:
    """Every rule class by name, in alphabetical order. The module's name is the rule's name."""
    return dict(_discovered())

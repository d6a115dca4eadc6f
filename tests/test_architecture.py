"""The floors of docs/architecture.md, held by walking the imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INFRASTRUCTURE = {
    "api",
    "lifecycle",
    "models",
    "leases",
    "sandbox",
    "limited_process",
    "confined",
    "frames",
    "confirmation",
    "direction",
    "figures",
    "refusals",
    "selection",
    "statements",
    "steps",
    "doorbell",
    "celery",
    "files_broker",
    "redis_broker",
    "steady_pool",
    "stopping",
}
BASEMENT = {
    "augmentations",
    "crops",
    "cut",
    "diversity",
    "label_errors",
    "rules",
    "features",
    "filter_settings",
    "scoring",
    "fusion",
    "calibration",
    "rehearsal",
    "detector_rehearsal",
    "notation",
    "tree_trials",
    "trials",
    "evaluation",
    "estimates",
    "lessons",
}
FLOORS = ["infrastructure", "basement", "datasets", "hardexamples", "batchservices", "labeling", "config"]
WITHOUT_DJANGO = [
    "config/sandbox.py",
    "config/limited_process.py",
    "config/confined.py",
    "config/frames.py",
    "config/refusals.py",
    "datasets/images.py",
    "datasets/formats/",
    "datasets/preparation.py",
    "hardexamples/rules/",
    "hardexamples/features.py",
    "hardexamples/augmentations.py",
    "hardexamples/cut.py",
    "hardexamples/diversity.py",
    "hardexamples/label_errors.py",
    "hardexamples/filter_settings.py",
    "hardexamples/scoring.py",
    "hardexamples/fusion.py",
    "hardexamples/calibration.py",
    "hardexamples/rehearsal.py",
    "hardexamples/detector_rehearsal.py",
    "hardexamples/crops.py",
    "hardexamples/tree_trials.py",
    "hardexamples/trials.py",
    "hardexamples/evaluation.py",
    "hardexamples/estimates.py",
    "hardexamples/lessons.py",
    "datasets/preparation.py",
    "hardexamples/notation.py",
    "hardexamples/extraction.py",
    "labeling/auto/",
    "batchservices/answers.py",
    "batchservices/cronline.py",
    "batchservices/differences.py",
    "batchservices/closer_looks.py",
    "batchservices/foreign_answers.py",
    "batchservices/onnxfile.py",
    "batchservices/proposal.py",
    "batchservices/inference.py",
    "batchservices/profile.py",
    "batchservices/predictions.py",
]
SOURCES = [
    path
    for app in ("config", "datasets", "hardexamples", "batchservices", "labeling")
    for path in sorted((ROOT / app).rglob("*.py"))
    if "migrations" not in path.parts
]


def floor_of(module: str) -> str:
    parts = module.split(".")
    if parts[0] == "config" and len(parts) > 1 and parts[1] in INFRASTRUCTURE:
        return "infrastructure"
    if parts[0] == "hardexamples" and len(parts) > 1 and parts[1] in BASEMENT:
        return "basement"
    return parts[0]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_go_downward_only(path: Path) -> None:
    here = floor_of(module_of(path))
    for imported in imports_of(path):
        there = floor_of(imported)
        if there in FLOORS:
            assert FLOORS.index(there) <= FLOORS.index(here), f"{module_of(path)} imports {imported}, which is above it"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_what_runs_in_the_sandbox_knows_no_django(path: Path) -> None:
    if any(str(path.relative_to(ROOT)).startswith(prefix) for prefix in WITHOUT_DJANGO):
        assert not [name for name in imports_of(path) if name.split(".")[0] in {"django", "rest_framework", "celery"}]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_module_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_there_are_no_drawers() -> None:
    names = {path.stem for path in SOURCES} | {path.parent.name for path in SOURCES}
    assert not names & {"utils", "helpers", "common", "misc", "services", "signals"}

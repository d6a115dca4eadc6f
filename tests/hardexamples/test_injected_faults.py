"""An image or box with a fault gets its reason, untouched ones do not; `make bench-faults` measures more of them."""

import pytest

from tests.benchmarks import injected_faults as benchmark
from tests.benchmarks.injected_faults import Seen, SeenBoxes, findings

INSIDE = {("flower", "darken"), ("flower", "blur"), ("trees' boxes", "drop boxes")}
"""What no strength takes out of the labeled images' range: tiles are dark, or blurred, or have a single tree."""


def images(name: str, count: int) -> list[benchmark.Finding]:
    load, colored = benchmark.IMAGE_SETS[name]
    faults = (*benchmark.IMAGE_FAULTS, *(benchmark.COLOR_FAULTS if colored else ()))
    return list(findings(name, Seen(load()[:count]), faults))


@pytest.mark.parametrize(("name", "count"), [("digits", 300), ("flower", 440)])
def test_a_fault_of_an_image_gets_its_reason(name: str, count: int) -> None:
    for each in images(name, count):
        assert each.holds, each
        assert (each.strength is None) == ((name, each.fault) in INSIDE)


def test_a_fault_of_a_box_gets_its_reason() -> None:
    for name, (load, side) in benchmark.BOX_SETS.items():
        for each in findings(name, SeenBoxes(load()[:300], side), benchmark.box_faults(side)):
            assert each.holds, each
            assert (each.strength is None) == ((name, each.fault) in INSIDE)

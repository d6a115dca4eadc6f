"""Names that are read from right to left, or hold marks that say so: kept from turning what stands around them."""

from unicodedata import bidirectional

TURNING = {"R", "AL", "RLE", "RLO", "LRE", "LRO", "RLI", "LRI", "FSI", "PDF", "PDI"}
"""Classes of Unicode's bidirectional algorithm."""


def apart(name: str) -> str:
    """A name as a part of a line: where it would turn the direction of reading, it stands between marks (U+2068 and
    U+2069), so that it turns nothing but itself."""
    return f"\u2068{name}\u2069" if any(bidirectional(sign) in TURNING for sign in name) else name

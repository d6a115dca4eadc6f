"""What the admin shows of the house as a whole; Django looks for it here."""

from config import accounts

__all__ = ["accounts"]

"""Cron lines: five fields that say when, as in crontab(5), and the times that they mean by the clock of a place.

Here and not from Celery, whose fields are of another dialect: it reads `1-5-7` as 1-5 and `jan` as minute 1, does not
know 7 as Sunday, and where both days are named asks for both instead of either.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import product

from config.refusals import Refused

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
DAYS = {name: number for number, name in enumerate(DAY_NAMES)}
ORDINALS = ("first", "second", "third", "fourth", "fifth")
PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\w+))?", re.ASCII)
YEARS = 9  # between two leap days over 2100
LENGTH = 100


@dataclass(frozen=True)
class Field:
    """What a field of a cron line is about, and which numbers it may name."""

    words: str
    low: int
    high: int
    names: Mapping[str, int]


FIELDS = (
    Field("minute", 0, 59, {}),
    Field("hour", 0, 23, {}),
    Field("day of the month", 1, 31, {}),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 7, DAYS),
)


@dataclass(frozen=True)
class CronLine:
    """When something is due, by the clock on the wall.

    Args:
        minutes, hours, days, months: the numbers that fit.
        weekdays: 0 is Sunday.
        either: a day fits if its number or its weekday does; otherwise if both do.
        hourly: the hour field begins with a star, so an hour that the clock has twice counts twice.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    hourly: bool

    @classmethod
    def read(cls, text: str) -> "CronLine":
        """A line as people write it: `0 2 * * mon-fri`.

        Raises:
            Refused: bad_schedule, with the field that is meant; `field` is "schedule".
        """
        fields = text.lower().split()
        if len(fields) != len(FIELDS) or len(text) > LENGTH:
            raise _refused(
                "Write five fields: minute, hour, day of the month, month, day of the week. "
                "0 2 * * * is every night at 02:00."
            )
        minutes, hours, days, months, weekdays = (_numbers(place, said) for place, said in enumerate(fields))
        line = cls(
            minutes,
            hours,
            days,
            months,
            frozenset(day % 7 for day in weekdays),
            either=not (fields[2].startswith("*") or fields[4].startswith("*")),
            hourly=fields[1].startswith("*"),
        )
        if next(line._dates(date(2000, 1, 1)), None) is None:
            raise _refused(
                f"The third field says {fields[2]} and the fourth {fields[3]}: there is no such day in any year."
            )
        return line

    def after(self, moment: datetime, place: tzinfo) -> Iterator[datetime]:
        """The times after a moment, in UTC, the next one first.

        A time that the clock leaps over in spring comes as much later; one that it has twice in autumn comes the first
        time, unless it comes every hour anyway.

        Args:
            moment: with its time zone.
            place: by whose clock.
        """
        for day in self._dates(moment.astimezone(place).date() - timedelta(days=1)):
            clock = [time(*at) for at in product(self.hours, self.minutes)]
            folds = (0, 1) if self.hourly else (0,)
            local = (datetime.combine(day, at.replace(fold=fold), place) for at in clock for fold in folds)
            yield from (at for at in sorted({at.astimezone(UTC) for at in local}) if at > moment)

    def _dates(self, first: date) -> Iterator[date]:
        for number in range(YEARS * 366):
            day = first + timedelta(days=number)
            if day.month in self.months and self._fits(day):
                yield day

    def _fits(self, day: date) -> bool:
        named, weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (named or weekday) if self.either else (named and weekday)


def _numbers(place: int, text: str) -> frozenset[int]:
    return frozenset(number for part in text.split(",") for number in _part(place, part))


def _part(place: int, text: str) -> range:
    field = FIELDS[place]
    match = PART.fullmatch(text)
    if match is None:
        raise _refused_field(place, f"says {text or 'nothing'}; write a number, a range such as 1-5, or *")
    first, last, step = match["first"], match["last"], match["step"]
    if step and (first and not last):
        raise _refused_field(place, f"says {text}; steps belong to * or to a range, as in */{step}")
    width = 1 if step is None else int(step) if step.isdecimal() else 0
    if not 1 <= width <= field.high:
        raise _refused_field(place, f"says /{step}, but a step is a number from 1 to {field.high}")
    if first is None:
        return range(field.low, min(field.high, 6) + 1 if field.names is DAYS else field.high + 1, width)
    low = _number(place, first)
    high = low if last is None else _number(place, last)
    if field.names is DAYS and last == "sun":
        high = 7
    if high < low:
        raise _refused_field(place, f"says {text}, which goes backwards")
    return range(low, high + 1, width)


def _number(place: int, text: str) -> int:
    field = FIELDS[place]
    number = field.names.get(text, int(text) if text.isdecimal() else -1)
    if not field.low <= number <= field.high:
        names = f" or {next(iter(field.names))} to {list(field.names)[-1]}" if field.names else ""
        raise _refused_field(place, f"says {text}, but it goes from {field.low} to {field.high}{names}")
    return number


def _refused_field(place: int, words: str) -> Refused:
    return _refused(f"The {ORDINALS[place]} field ({FIELDS[place].words}) {words}.")


def _refused(words: str) -> Refused:
    return Refused("bad_schedule", words, field="schedule")

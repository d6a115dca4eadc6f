"""What cron lines mean, what is said of wrong ones, and what the clocks' change does to them."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchservices.cronline import CronLine
from config.refusals import Refused

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def times(line: str, after: datetime, count: int, place: ZoneInfo = BERLIN) -> list[str]:
    """The next times, as the clock on the wall shows them."""
    found = islice(CronLine.read(line).after(after, place), count)
    return [f"{time.astimezone(place):%a %d %b %H:%M %z}" for time in found]


@pytest.mark.parametrize(
    ("line", "first", "second"),
    [
        ("0 2 * * *", "Mon 23 Nov 02:00 +0100", "Tue 24 Nov 02:00 +0100"),
        ("*/20 13 * * *", "Sun 22 Nov 13:20 +0100", "Sun 22 Nov 13:40 +0100"),
        ("30 6 * * mon-fri", "Mon 23 Nov 06:30 +0100", "Tue 24 Nov 06:30 +0100"),
        ("0 0 * * 7", "Sun 29 Nov 00:00 +0100", "Sun 06 Dec 00:00 +0100"),
        ("0 0 * * sat-sun", "Sat 28 Nov 00:00 +0100", "Sun 29 Nov 00:00 +0100"),
        ("5 4 1,15 jan,jul *", "Fri 01 Jan 04:05 +0100", "Fri 15 Jan 04:05 +0100"),
        ("0 0 1-7/3 12 *", "Tue 01 Dec 00:00 +0100", "Fri 04 Dec 00:00 +0100"),
    ],
)
def test_a_line_means_what_cron_means(line: str, first: str, second: str) -> None:
    assert times(line, SUNDAY, 2) == [first, second]


def test_two_named_days_are_either_as_in_cron() -> None:
    assert times("0 0 24 * fri", SUNDAY, 2) == ["Tue 24 Nov 00:00 +0100", "Fri 27 Nov 00:00 +0100"]


def test_a_time_that_the_clock_leaps_over_comes_an_hour_later_and_once() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert times("30 2 * * *", before, 2) == ["Sun 29 Mar 03:30 +0200", "Mon 30 Mar 02:30 +0200"]
    assert times("30 2,3 * * *", before, 2) == ["Sun 29 Mar 03:30 +0200", "Mon 30 Mar 02:30 +0200"]


def test_a_time_that_the_clock_has_twice_comes_once_unless_it_comes_every_hour() -> None:
    before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert times("30 2 * * *", before, 2) == ["Sun 25 Oct 02:30 +0200", "Mon 26 Oct 02:30 +0100"]
    midnight = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    assert times("30 * * * *", midnight, 2) == ["Sun 25 Oct 02:30 +0200", "Sun 25 Oct 02:30 +0100"]


@pytest.mark.parametrize("day", ["29 2", "31 1,2"])
def test_rare_days_are_found(day: str) -> None:
    assert len(times(f"0 0 {day} *", datetime(2096, 3, 1, tzinfo=UTC), 1)) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Write five fields"),
        ("@daily", "Write five fields"),
        ("0 2 * *", "Write five fields"),
        ("60 2 * * *", r"The first field \(minute\) says 60, but it goes from 0 to 59"),
        ("0 24 * * *", r"The second field \(hour\) says 24"),
        ("0 2 0 * *", r"The third field \(day of the month\) says 0, but it goes from 1 to 31"),
        ("0 2 * foo *", r"The fourth field \(month\) says foo, but it goes from 1 to 12 or jan to dec"),
        ("jan 2 * * *", "The first field"),
        ("0 2 * * 1-5-7", r"The fifth field \(day of the week\) says 1-5-7; write a number"),
        ("0 2 * * fri-mon", "which goes backwards"),
        ("*/0 2 * * *", "a step is a number from 1 to 59"),
        ("5/10 2 * * *", r"steps belong to \* or to a range"),
        ("0 2,, * * *", r"The second field \(hour\) says nothing"),
        ("0 2 30 2 *", "no such day in any year"),
        ("0 ٢ * * *", "The second field"),
        ("0" * 200 + " 2 * * *", "Write five fields"),
    ],
)
def test_a_wrong_line_is_refused_with_its_field(line: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        CronLine.read(line)
    assert (refusal.value.code, refusal.value.where["field"]) == ("bad_schedule", "schedule")


@given(st.text(alphabet="0123456789*/-, jansuxé", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        line = CronLine.read(text)
    except Refused:
        return
    found = list(islice(line.after(SUNDAY, BERLIN), 3))
    assert all(one < other for one, other in pairwise([SUNDAY, *found]))


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 20 * 365 * 24 * 60))
def test_every_day_has_its_time(minute: int, hour: int, minutes: int) -> None:
    after = SUNDAY + timedelta(minutes=minutes)
    first, second = islice(CronLine.read(f"{minute} {hour} * * *").after(after, BERLIN), 2)
    assert after < first <= after + timedelta(hours=25)
    assert timedelta(hours=22, minutes=59) < second - first <= timedelta(hours=25)

"""Small tapes for tests: a folder from rows, and the sessions they stand in."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

from alvh.core.sessions import SessionCalendar, et_ns


def weekday_sessions(
    start: date, end: date, *, closed: Iterable[date] = (), early: Mapping[date, str] | None = None
) -> tuple[tuple[date, int, int], ...]:
    """Sessions on every weekday but the closed ones, 09:30 to 16:00 or the early close."""
    shut, early = set(closed), early or {}
    days = (start + timedelta(days=step) for step in range((end - start).days + 1))
    return tuple(
        (day, et_ns(day, "09:30"), et_ns(day, early.get(day, "16:00")))
        for day in days
        if day.weekday() < 5 and day not in shut
    )


def weekday_calendar(start: date, end: date, *closed: date) -> SessionCalendar:
    """A calendar whose only holidays are the closed dates."""
    return SessionCalendar(weekday_sessions(start, end, closed=closed))


def write_tape(folder: Path, files: Mapping[str, Iterable[str] | bytes]) -> Path:
    """Write a tape: file name to its lines (header first), or to its very bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            (folder / name).write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
    return folder


def daily_rows(calendar: SessionCalendar, closes: Iterable[float]) -> list[str]:
    """The lines of a `date,close` file: one price per session from the calendar's first on."""
    days = calendar.sessions_between(calendar.first, calendar.horizon)
    return ["date,close", *(f"{session.date},{close!r}" for session, close in zip(days, closes, strict=False))]

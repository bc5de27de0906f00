"""The tape the replay is timed on: nine years of real history where it is at hand, else as many made-up sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from alvh.adapters.recorder import TapeRecorder
from alvh.adapters.simulator import SimulatorFeed
from alvh.app.sources import calendar
from alvh.core.events import Calendar, Event, MacroCalendar, OptionChain, Quote, SessionClose
from alvh.core.sessions import SessionCalendar
from alvh.settings import CalendarSettings
from servers import temporary_folder

_HISTORY: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "tapes" / "daily-2004-2012"
_START: Final = date(2004, 1, 2)
_END: Final = date(2012, 12, 31)
_A_SESSION_S: Final = 23_400  # one quote of each instrument, at the close


@contextmanager
def nine_years() -> Iterator[tuple[Path, str]]:
    """Yield the folder of a tape and what it holds."""
    if _HISTORY.is_dir():
        yield _HISTORY, "real history 2004-2012"
        return
    with temporary_folder() as folder:
        _write(folder)
        yield folder, "a simulated market 2004-2012"


def _write(folder: Path) -> None:
    """Write the closes of a simulated market: daily rows, as the history has."""
    sessions = SessionCalendar(calendar(CalendarSettings(), _START, _END).sessions)
    feed = SimulatorFeed(sessions, seed=1, start=_START, session_s=0.0, quote_interval_s=_A_SESSION_S, extend=_extend)
    newest: dict[str, Quote] = {}
    with TapeRecorder(folder, sessions) as recorder:
        for event in feed.replay():
            if isinstance(event, SessionClose):
                if event.session > _END:
                    return
                for name in sorted(newest):
                    recorder.record(newest[name])
                recorder.record(event)
            elif isinstance(event, Quote):
                newest[event.instrument_id] = event
            elif not _is_left_out(event):
                recorder.record(event)


def _is_left_out(event: Event) -> bool:
    """Chains would make it another tape than the history is."""
    return isinstance(event, Calendar | MacroCalendar | OptionChain)


def _extend(day: date) -> Calendar:
    return calendar(CalendarSettings(), day, day + timedelta(days=800))

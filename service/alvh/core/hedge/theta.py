"""The theta window of each condor held (S33): inside it the hard timer is five closes instead of ten."""

from alvh.core.hedge.delta import book_greeks, condor_extrinsic
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.snapshot import Snapshot
from alvh.core.signals.book import SignalBook
from alvh.core.signals.position import ThetaWindow, theta_window


def theta_windows(holdings: Holdings, snapshot: Snapshot, book: SignalBook) -> dict[str, ThetaWindow]:
    """Return the window of each condor that has value left, by its key."""
    found = {}
    for held in holdings.condors:
        condor = held.at(snapshot.session)
        long_put, short_put, short_call, long_call = snapshot.condor_marks(condor)
        window = theta_window(
            value=short_put - long_put + short_call - long_call,
            extrinsic=condor_extrinsic(snapshot.market, condor),
            theta_day=book_greeks(snapshot.market, (condor,)).theta / condor.dollars_per_point,
            dte=condor.days,
            is_premium_at_mean=book.realised.is_premium_at_mean,
            sessions_to_release=book.macro_prints.sessions_to_next,
            sessions_since_release=book.macro_prints.sessions_since_last,
        )
        if window is not None:
            found[held.key] = window
    return found

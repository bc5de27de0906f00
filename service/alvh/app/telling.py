"""What `alvh status` and `alvh events` print: lines for a person, coloured on a terminal alone."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

_RESET: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Colours of a terminal; without one, plain text. A colour repeats what words say, and never says more."""

    is_on: bool

    @classmethod
    def of(cls, stream: TextIO) -> "Style":
        """Return the style of a stream: colours where it is a terminal and nobody asked for none (NO_COLOR)."""
        is_on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(is_on=is_on)

    def good(self, text: str) -> str:
        """As it should be."""
        return self._in("32", text)

    def warn(self, text: str) -> str:
        """Worth a look."""
        return self._in("33", text)

    def bad(self, text: str) -> str:
        """Not as it should be."""
        return self._in("1;31", text)

    def strong(self, text: str) -> str:
        """What a person looks for first."""
        return self._in("1", text)

    def faint(self, text: str) -> str:
        """What is there for completeness."""
        return self._in("2", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self.is_on and text else text


def event_lines(document: Mapping[str, Any], style: Style) -> list[str]:
    """An adjustment, readably."""
    head, *rest = document["data"]["text"].split("\n")
    is_simulated = document["data"].get("simulated", False)
    return [
        style.warn(head) if is_simulated else style.strong(head),
        *(style.bad(line) if line.startswith("Worst case") else line for line in rest),
        style.faint(f"  id {document['id']}"),
        "",
    ]


def status_lines(found: Mapping[str, Any], style: Style) -> list[str]:
    """How an instance stands."""
    feed = found["feed"]
    lines = [style.strong(f"instance {found['instance']}") + f", alvh {found['version']}, leading under epoch "
             f"{found['epoch']}"]  # fmt: skip
    if feed["simulated"]:
        lines.append(style.warn("SIMULATED MARKET: no real price stands behind any number"))
    missing = found["not_ready"]
    lines.append(style.bad("NOT READY: " + "; ".join(missing)) if missing else style.good("ready"))
    connections = ", ".join(
        f"{each['name']} {'connected' if each['is_connected'] else style.bad('AWAY')}" for each in found["connections"]
    )
    note = f" ({feed['note']})" if feed["note"] else ""
    lines.append(f"connected to: feed {feed['kind']}{note}, {connections}")
    lines += [style.bad(f"{each['name']}: {each['note']}") for each in found["connections"] if each.get("note")]
    lines.append(f"newest close {found['session'] or '-'}, unacknowledged messages {found['pending_messages']}")
    lines.append("last quotes:")
    lines += [_quote_line(quote, style) for quote in found["quotes"]]
    lines += [_portfolio_line(portfolio, style) for portfolio in found["portfolios"]]
    return lines


def _quote_line(quote: Mapping[str, Any], style: Style) -> str:
    received = quote["received"]
    age = "" if received is None else f"received {max(0.0, time.time() - received):.0f} s ago"
    is_good = quote["quality"] == "ok" and quote["is_live"]
    bad = "" if is_good else "  " + style.bad(f"NOT GOOD: {quote['quality']}")
    return f"  {quote['instrument']:<6} {quote['price']:>12,.2f}  {quote['time']}  {style.faint(age)}{bad}"


def _portfolio_line(portfolio: Mapping[str, Any], style: Style) -> str:
    threshold = portfolio["threshold"]
    moves = ", ".join(
        f"{move['index']} -"
        if move["move_ratio"] is None
        else _move(move["index"], move["move_ratio"], threshold, style)
        for move in portfolio["moves"]
    )
    waiting = ", " + style.warn(f"{portfolio['unanswered']} unanswered") if portfolio["unanswered"] else ""
    timer = f"soft {portfolio['timer']['soft']}, hard {portfolio['timer']['hard']}"
    return (
        f"portfolio {style.strong(portfolio['id'])}: {portfolio['phase']}, "
        f"{portfolio['sessions_since_rebalance']} sessions since the last rebalance ({timer}), "
        f"moved {moves} of {100 * threshold:g} %{waiting}"
    )


def _move(index: str, ratio: float, threshold: float, style: Style) -> str:
    text = f"{index} {100 * ratio:+.2f} %"
    return style.warn(text) if abs(ratio) >= 0.8 * threshold else text

"""A daemon made of paper: a `Window` over plain values that tests set, with numbers like those of a crash day."""

import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, cast

from alvh.adapters.http import (
    AnswerGiven,
    Chart,
    ChartLine,
    MoveView,
    PortfolioSummary,
    PortfolioView,
    QuoteView,
    SignalsView,
    Status,
)
from alvh.errors import InputError, OutageError
from alvh.messages import AdjustmentMessage

SESSION = "2026-11-20"
_ANCHORED_S = 1_795_200_000
LOSSES = {"5": 5210.0, "6": 6480.0, "7": 7720.0, "10": 10_900.0, "20": 16_100.0}
GAINS = {"5": 2700.0, "6": 3420.0, "7": 4180.0, "10": 6650.0, "20": 15_900.0}
PRICES = {"SPX": 5874.21, "RUT": 2304.55, "IWM": 228.77, "VIX": 21.84, "RVX": 28.31, "VIX3M": 20.92}
ANCHORS = {"SPX": 5951.0, "RUT": 2365.0}


def moves() -> list[MoveView]:
    """Both watched indices, the small caps close to the threshold."""
    return [
        {"index": name, "price": PRICES[name], "anchor": anchor, "move_ratio": PRICES[name] / anchor - 1.0}
        for name, anchor in ANCHORS.items()
    ]


def signal(name: str, value: float | None, state: str, quality: str = "ok", **more: object) -> dict[str, Any]:
    """One signal as a message lists it."""
    base = {"id": name, "name": name, "value": value, "unit": "points", "state": state, "quality": quality}
    return {**base, "threshold": "> 0", "asof": SESSION, "inputs": ["RUT", "SPX"], "parts": {}, **more}


def signals() -> list[dict[str, Any]]:
    """Some that speak for more hedge, some that do not, and some that are missing."""
    return [
        signal("S03", -0.42, "negative", unit="ratio x 1000", threshold="< 0", parts={"macd": -0.42, "signal": -0.31}),
        signal("S04", -9.1, "on", unit="RSI points", threshold="<= -8"),
        signal("S05", 33.8, "on", unit="RSI points", threshold="<= 35"),
        signal("S06", 0.61, "on"),
        signal("S07", 68.2, "off", unit="RSI points", threshold="> 70"),
        signal("S09", None, "missing", "missing", inputs=["breadth"], threshold="<= -0.5"),
        signal("S10", 0.31, "on", unit="ratio", threshold="> 0.25"),
        signal("S14", -0.021, "backwardation", unit="ratio", threshold="s12 < 0"),
        signal("S16", 1.044, "stress", "async", unit="ratio", threshold="> 1.00 stress"),
        signal("S28", None, "warming", "missing", threshold="z >= 1"),
    ]


FLAGS: dict[str, bool | None] = {
    "ratio_neg": True, "bigtop": False, "v_r": False, "v_m": True, "v_r_low": False, "adv": None, "macro": True,
    "cap_r": True, "cap_m": False, "calm": False, "monet": False,
}  # fmt: skip


def adjustment(portfolio: str, sequence: int, **fields: object) -> dict[str, Any]:
    """One AdjustmentMessage as plain JSON, as the contract has it."""
    event_id = f"{portfolio}-{sequence:020d}-1795290000000000000"
    text = f"{portfolio} #{sequence}: MOVE_3 at 2026-11-20T19:42:11Z\nPhase STANDBY -> INITIAL\nBuy 4 VIX calls"
    data = {
        "event_id": event_id, "prev_event_id": None, "book_id": portfolio, "sleeve_id": f"{portfolio}-hedge",
        "schema_version": 1, "engine_version": "0.1.0", "config_hash": "c0", "created_at": "2026-11-20T19:42:11Z",
        "asof_session": SESSION, "snapshot_id": "s0", "is_async": False,
        "advice_status": "decision_support_not_advice", "feed": "ib", "simulated": False, "text": text,
        "reason_codes": ["STATE", "MOVE_3"], "phase_before": "STANDBY", "phase_after": "INITIAL", "held": 0,
        "sessions_since_rebalance": 4, "moves": moves(), "booleans": FLAGS, "signals": signals(), "confirmations": 2,
        "missing": ["S09", "S28"], "notes": [], "pricing": "quotes", "executable": True,
        "d_design": 6.0, "phi": 0.5, "m": 0.6, "a": 0.0, "target_gain": 3240.0,
        "band": {"floor": 0.40, "ceiling": 0.60}, "h": 28.0, "credit": 4040.0, "cap": 1616.0, "hc_accrual": 1388.0,
        "hc_pct": 34.4, "premium_at_risk": 2710.0, "worst_case_hedge": 2710.0, "book_max_loss": 18_670.0,
        "loss_vix_down": 1120.0, "carry_per_day": 49.6,
        **{f"l{d}": LOSSES[d] for d in ("5", "6", "7")},
        **{f"gain{d}": gain for d, gain in GAINS.items()},
        **{f"offset{d}": GAINS[d] / loss for d, loss in LOSSES.items()},
        "actions": [
            {"action": "OPEN", "leg": "L1", "instrument": "VIX 261222C00022000", "side": "BUY", "qty": 4,
             "qty_before": 0, "qty_after": 4, "limit_price": 2.15, "mid": 2.12, "multiplier": 100.0, "est_cost": 860.0},
            {"action": "HOLD", "leg": "L3a", "instrument": "VIX 270317C00022000", "side": "NONE", "qty": 0,
             "qty_before": 3, "qty_after": 3, "multiplier": 100.0},
        ],
        **fields,
    }  # fmt: skip
    shared = {"id": event_id, "source": "alvh/main", "subject": portfolio, "time": data["created_at"]}
    message = {**shared, "sequence": f"{sequence:020d}", "data": data, "epoch": 1_795_000_000}
    return AdjustmentMessage.model_validate(message).model_dump(mode="json")


class PaperWindow:
    """Satisfies `Window`; every value may be set from a test."""

    def __init__(self, portfolios: Sequence[str] = ("core",)) -> None:
        self.not_ready: list[str] = []
        self.log_is_away = False
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.messages = [adjustment(name, number) for name in portfolios for number in (1, 2, 3)]
        self.views = {name: self._view(name) for name in portfolios}
        self.newest_signals: SignalsView = {
            "session": SESSION, "as_of": "2026-11-20T21:00:00Z", "signals": signals(), "flags": dict(FLAGS),
        }  # fmt: skip
        self.state: Status = {
            "instance": "main", "version": "0.1.0", "now": 0.0, "is_leader": True, "not_ready": [], "in_session": True,
            "session": SESSION, "feed": {"kind": "ib", "simulated": False, "is_connected": True, "note": None},
            "connections": [
                {"name": "feed", "is_connected": True}, {"name": "redis", "is_connected": True},
                {"name": "mqtt", "is_connected": True},
            ],
            "quotes": [], "stale_after_s": 30.0, "pending_messages": 0,
        }  # fmt: skip
        self.quote_age_s = 1.2
        self.quotes: dict[str, dict[str, Any]] = {name: {"price": price} for name, price in PRICES.items()}

    def _view(self, name: str) -> PortfolioView:
        newest = [message for message in self.messages if message["subject"] == name][-1]
        return {
            "id": name, "hedge": "alvh", "phase": "INITIAL", "sessions_since_rebalance": 4, "threshold": 0.03,
            "timer": {"soft": 5, "hard": 10}, "moves": moves(), "unanswered": 1, "held": 2,
            "phase_history": [
                {"phase": "OFF", "since": "2026-10-01", "reason": None},
                {"phase": "STANDBY", "since": "2026-10-02", "reason": "condors or small caps are held"},
                {"phase": "INITIAL", "since": "2026-11-18", "reason": "ratio_neg: small caps lag the S&P"},
            ],
            "newest": newest, "open": [newest["id"]],
            "answers": {self.messages[0]["id"]: [{"decision": "accept", "by": "Ada", "time": "2026-11-19T15:00:00Z"}]},
            "legs": [
                {"leg": "L1", "instrument": "VIX 261222C00022000", "target_quantity": 4, "current_quantity": 0},
                {"leg": "L3a", "instrument": "VIX 270317C00022000", "target_quantity": 3, "current_quantity": 3},
                {"leg": "L3b", "instrument": "VIX 270616C00023000", "target_quantity": 2, "current_quantity": 2},
            ],
            "advances": [
                {"to": "STAGED", "when": "v_r and v_m and (adv or macro)", "flags": {"v_r": False, "v_m": True}},
                {"to": "CONFIRMED", "when": "cap_r and cap_m", "flags": {"cap_r": True, "cap_m": False}},
            ],
        }  # fmt: skip

    def show(self, name: str, **fields: object) -> None:
        """Set fields of one portfolio's view."""
        cast("dict[str, object]", self.views[name]).update(fields)

    def move(self, name: str, **fields: object) -> None:
        """Set fields of both moves of one portfolio."""
        for each in self.views[name]["moves"]:
            cast("dict[str, object]", each).update(fields)

    def status(self) -> Status:
        now = time.time()
        quotes = []
        for name, quote in self.quotes.items():
            row = {
                "instrument": name, "time": "2026-11-20T19:42:11Z", "received": now - self.quote_age_s, "quality": "ok",
                "is_live": True, "price": None, **quote,
            }  # fmt: skip
            quotes.append(QuoteView(**row))  # type: ignore[typeddict-item]  # as above
        return {**self.state, "now": now, "not_ready": self.not_ready, "quotes": quotes}

    def ready(self) -> Sequence[str]:
        return self.not_ready

    def portfolios(self) -> Sequence[PortfolioSummary]:
        return [
            {
                "id": view["id"], "hedge": view["hedge"], "phase": view["phase"], "timer": view["timer"],
                "sessions_since_rebalance": view["sessions_since_rebalance"], "threshold": view["threshold"],
                "moves": view["moves"], "unanswered": len(view["open"]),
            }
            for view in self.views.values()
        ]  # fmt: skip

    def portfolio(self, portfolio: str) -> PortfolioView | None:
        view = self.views.get(portfolio)
        return None if view is None else deepcopy(view)

    def chart(self, portfolio: str) -> Chart | None:
        view = self.views.get(portfolio)
        if view is None:
            return None
        lines: list[ChartLine] = []
        for move in view["moves"]:
            anchor, price = move["anchor"], move["price"]
            if anchor is None or price is None:
                lines.append({"index": move["index"], "anchor": None, "points": []})
                continue
            path = []
            for i in range(120):
                level = anchor + (price - anchor) * i / 119 + anchor * 0.004 * ((i * 7919) % 13 - 6) / 6 * (1 - i / 119)
                path.append((_ANCHORED_S + 780.0 * i, level * 0.999, level * 1.001, level))
            lines.append({"index": move["index"], "anchor": anchor, "points": path})
        return {"threshold": view["threshold"], "since": "2026-11-16", "lines": lines}

    def signals(self) -> SignalsView:
        return self.newest_signals

    async def adjustments(self, after: int | None, portfolio: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        if self.log_is_away:
            raise OutageError("redis is away: connection refused")
        found = [message for message in self.messages if portfolio in {None, message["subject"]}]
        if after is None:
            return found[-limit:]
        return [message for message in found if int(message["sequence"]) > after][:limit]

    async def answer(self, portfolio: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.log_is_away:
            raise OutageError("redis is away: connection refused")
        view = self.views.get(portfolio)
        if view is None or answer["event_id"] not in view["open"]:
            raise InputError(f"{answer['event_id']}: no adjustment that waits for an answer")
        self.said.append((portfolio, dict(answer)))
        given: AnswerGiven = {
            "decision": answer["decision"],
            "by": answer["by"],
            "reason": answer["reason"],
            "time": "2026-11-20T20:00:00Z",
        }
        self.views[portfolio] = {
            **view, "open": [], "unanswered": 0, "answers": {**view["answers"], answer["event_id"]: [given]},
        }  # fmt: skip
        return {"accepted": True, "event_id": answer["event_id"]}

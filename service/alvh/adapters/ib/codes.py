"""The gateway's error codes: what each means to us, and the line a person reads.

Source: the protocol notes of the project, section 4. A code that is not listed concerns the request it names, or is a
notice; each is counted all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Meaning(StrEnum):
    """What a code asks us to do."""

    BROKER_LOST = "broker_lost"
    BROKER_BACK_EMPTY = "broker_back_empty"
    BROKER_BACK = "broker_back"
    PORT_RESET = "port_reset"
    FARM_BROKEN = "farm_broken"
    FARM_OK = "farm_ok"
    ID_IN_USE = "id_in_use"
    DELAYED = "delayed"
    REFUSED = "refused"
    ASK_AGAIN = "ask_again"
    PARTLY = "partly"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code: its meaning, its line, and when a refused subscription is asked for again (seconds)."""

    meaning: Meaning
    line: str
    retry_s: float = 0.0


def _farm(name: str, *, is_ok: bool) -> Code:
    meaning = Meaning.FARM_OK if is_ok else Meaning.FARM_BROKEN
    return Code(meaning=meaning, line=f"{name} farm {'is back' if is_ok else 'is away'}")


CODES: Final[Mapping[int, Code]] = MappingProxyType(
    {
        1100: Code(meaning=Meaning.BROKER_LOST, line="the gateway has lost Interactive Brokers"),
        2110: Code(meaning=Meaning.BROKER_LOST, line="the gateway's link to its server is broken"),
        1101: Code(meaning=Meaning.BROKER_BACK_EMPTY, line="Interactive Brokers is back, subscriptions are lost"),
        1102: Code(meaning=Meaning.BROKER_BACK, line="Interactive Brokers is back, subscriptions are kept"),
        1300: Code(meaning=Meaning.PORT_RESET, line="the gateway has moved to another port"),
        2103: _farm("market data", is_ok=False),
        2104: _farm("market data", is_ok=True),
        2105: _farm("history", is_ok=False),
        2106: _farm("history", is_ok=True),
        2157: _farm("security definition", is_ok=False),
        2158: _farm("security definition", is_ok=True),
        2107: Code(meaning=Meaning.NOTICE, line="history farm is idle until asked"),
        2108: Code(meaning=Meaning.NOTICE, line="market data farm is idle until asked"),
        2109: Code(meaning=Meaning.NOTICE, line="notice about trading hours"),
        326: Code(meaning=Meaning.ID_IN_USE, line="this client id is in use by another connection"),
        10167: Code(meaning=Meaning.DELAYED, line="delayed data instead of live: no subscription for it"),
        10197: Code(meaning=Meaning.REFUSED, line="no data: another session of this user is live", retry_s=30.0),
        354: Code(meaning=Meaning.REFUSED, line="no data: not subscribed", retry_s=600.0),
        101: Code(meaning=Meaning.REFUSED, line="no data: all market-data lines are taken", retry_s=120.0),
        200: Code(meaning=Meaning.REFUSED, line="the broker does not know this contract", retry_s=300.0),
        322: Code(meaning=Meaning.ASK_AGAIN, line="request refused: its id was taken", retry_s=1.0),
        300: Code(meaning=Meaning.ASK_AGAIN, line="the gateway does not know this request", retry_s=1.0),
        10090: Code(meaning=Meaning.PARTLY, line="part of the data is not subscribed, the rest flows"),
        162: Code(meaning=Meaning.NOTICE, line="history refused"),
    }
)
# A request's unknown error: the subscription may be dead, so it is asked for again, at leisure.
UNKNOWN: Final = Code(meaning=Meaning.REFUSED, line="refused", retry_s=300.0)
# Codes of a request that say nothing against it (2100-2199 are warnings by their number).
_FIRST_WARNING, _LAST_WARNING = 2100, 2199


def code_of(number: int, *, is_request: bool) -> Code:
    """Return what a code means; an unlisted one refuses the request it names, else it is a notice."""
    known = CODES.get(number)
    if known is not None:
        return known
    if is_request and not _FIRST_WARNING <= number <= _LAST_WARNING:
        return UNKNOWN
    return Code(meaning=Meaning.NOTICE, line=f"notice {number}")

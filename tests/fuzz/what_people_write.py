"""Targets that read what people and strangers write: configurations, markets, portfolios, MQTT payloads and topics."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from alvh.adapters.mqtt.status import Node
from alvh.app.inbox import Door, RefusedError
from alvh.app.market_file import read_market
from alvh.app.sizing import sized
from alvh.core.hedge.symbols import cfe_root, parse_occ
from alvh.errors import InputError
from alvh.settings import decision_document, document_hash, load
from alvh.shell.ports import InboundMessage
from fuzz.target import Target, insist, insist_on_log

_EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
_NOW: Final = 1_790_000_000_000_000_000
_CONFIGURATION: Final = """instance: main
feed: {kind: tape, path: tape, speed: full}
redis: {url: "redis://localhost:6379/0", lease_s: 2.5, password: secret}
mqtt: {url: "mqtts://localhost:8883", topic_root: alvh, ca_file: ca.pem}
http: {port: 0}
calendar: {closed: [2026-01-02], early_closes: {2026-07-02: "13:00"}, releases: []}
rates: {r: 0.042}
history_days: 30
portfolios:
  - id: core
    small_caps: [{symbol: IWM, shares: 448}]
    condors:
      - {expiry: 2026-12-18, quantity: 4, credit: 10.10, short_put: 5650, long_put: 5600, short_call: 6275,
         long_call: 6325}
    legs: [{leg: L1, quantity: 2, expiry: 2026-12-16, strike: 22}]
    methodology: {move3: {threshold: 0.03}, timer: {soft: 5, hard: 10}}
  - {id: nervous, hedge: none, enabled: false}
"""
_LIVE: Final = "feed: {kind: ib, host: 127.0.0.1, port: 4002, client_id: 17}\nportfolios: [{id: a, hedge: none}]\n"
_ANSWER: Final = (
    b'portfolio/core/answer\n{"event_id":"core-00000000000000000003-1","decision":"amend","by":"anna","reason":"less",'
    b'"amendments":[{"leg":"L1","quantity":3}],"fills":[{"leg":"L1","quantity":1,"price":2.05}]}'
)
_EXECUTED: Final = (
    b'portfolio/core/answer\n{"specversion":"1.0","data":{"event_id":"core-00000000000000000003-1","decision":"executed","by":"bot",'
    b'"fills":[{"leg":"L3a","quantity":-2,"price":1.5,"fee":1.0}]}}'
)
_SIGNED: Final = (
    b'portfolio/core/answer/anna\n{"event_id":"core-00000000000000000003-1","decision":"accept","by":"anna"}'
)
_OBSERVATION: Final = b'observation/CPI\n{"value":3.1,"consensus":3.2,"date":"2026-10-14"}'
_STATUS: Final = b'{"data":{"state":"offline","node":"b"},"epoch":3}'


def targets(folder: Path) -> list[Target]:
    """Return them; they write into `folder`."""
    markets = (_EXAMPLES / "market-vector-a.yaml").read_bytes()
    portfolios = (_EXAMPLES / "portfolio-vector-a.yaml").read_bytes()
    return [
        Target("configuration", (_CONFIGURATION.encode(), _LIVE.encode()), _configured(folder / "alvh.yaml")),
        Target("market_file", (markets,), _market(folder / "market.yaml")),
        Target("size", (portfolios, markets), _sized(folder, portfolios, markets)),
        Target("inbound", (_ANSWER, _EXECUTED, _OBSERVATION, _SIGNED), _inbound),
        Target("status", (_STATUS,), _status),
        Target("symbols", (b"SPX   230217P03600000", b"VXM23", b"VX07H26", b"VIX   260520C00022500"), _symbols),
    ]


def _names(path: Path, run: Callable[[], object]) -> None:
    """Run; what is refused names the file, in words without the secret."""
    try:
        run()
    except InputError as error:
        insist(str(path) in str(error), error)
        raise


def _configured(path: Path) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        path.write_bytes(data)
        _names(path, lambda: document_hash(decision_document(load(path))))
        return True

    return run


def _market(path: Path) -> Callable[[bytes], bool]:
    def run(data: bytes) -> bool:
        path.write_bytes(data)
        _names(path, lambda: read_market(path))
        return True

    return run


def _sized(folder: Path, portfolios: bytes, markets: bytes) -> Callable[[bytes], bool]:
    portfolio, market = folder / "sized-portfolio.yaml", folder / "sized-market.yaml"

    def run(data: bytes) -> bool:
        is_market = b"spx:" in data
        portfolio.write_bytes(portfolios if is_market else data)
        market.write_bytes(data if is_market else markets)
        assert sized(portfolio, market).startswith(b"{")
        return True

    return run


_ANYBODY: Final = Door(base="alvh/main/")
_NAMED: Final = Door(base="alvh/main/", allowed_by=frozenset({"anna"}))


def _inbound(data: bytes) -> bool:
    """The first line is the topic's end, the rest the payload."""
    name, _, body = data.partition(b"\n")
    message = InboundMessage(
        topic=f"alvh/main/{name.decode(errors='replace')}", body=body, retained=False, acknowledge=lambda: None
    )
    _refused(_ANYBODY, replace(message, retained=True))
    _refused(_NAMED, message)
    event = _ANYBODY.understand(message, _NOW)
    insist_on_log(event)
    return True


def _refused(door: Door, message: InboundMessage) -> None:
    try:
        event = door.understand(message, _NOW)
    except RefusedError as error:
        insist(error.reason in {"retained", "not_allowed", "malformed"}, error.reason)
        insist(str(error).startswith("alvh/main/") and str(error).isprintable(), error)
    else:
        assert not message.retained, "an old one was believed"
        assert message.topic.endswith("/anna"), event


_NODE: Final = Node(instance="main", node="a", version="0", epoch=3, feed="tape", is_simulated=False)


def _status(data: bytes) -> bool:
    return not _NODE.is_contradicted_by(data)


def _symbols(data: bytes) -> bool:
    symbol = data.decode(errors="replace")
    return parse_occ(symbol) is not None or cfe_root(symbol) is not None

"""The wire contract as an AsyncAPI 3 document: topics, who says what on them, and the schema of each message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from alvh.messages import MESSAGES

_DESCRIPTION: Final = """Hedge adjustments for SPX iron condors and small caps: decision support, no advice, no order.

Payloads are CloudEvents 1.0 in structured JSON. Adjustments come in sequence order and at least once, always with the
same id and the same bytes: a consumer that remembers `(epoch, sequence)` per portfolio, and drops what has a sequence
at or below it unless the epoch is higher, sees each exactly once.
"""
_REFERENCE: Final = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    """One topic: `action` is the service's (it sends or receives), `retained` None where the sender decides nothing."""

    address: str
    kind: str
    action: str
    retained: bool
    summary: str


_CHANNELS: Final[Mapping[str, _Channel]] = {
    "status": _Channel(
        address="status", kind="alvh.service.status.v1", action="send", retained=True,
        summary="Whether the service is there; also its last will.",
    ),
    "signals": _Channel(
        address="signals", kind="alvh.signals.snapshot.v1", action="send", retained=True,
        summary="All signals, at each evaluation.",
    ),
    "adjustment": _Channel(
        address="portfolio/{portfolio}/adjustment", kind="alvh.hedge.adjustment.v1", action="send", retained=False,
        summary="Each adjustment of a portfolio, in sequence order, at least once; never retained.",
    ),
    "target": _Channel(
        address="portfolio/{portfolio}/target", kind="alvh.hedge.target.v1", action="send", retained=True,
        summary="The newest wanted hedge of a portfolio, for whoever arrives late.",
    ),
    "answer": _Channel(
        address="portfolio/{portfolio}/answer", kind="alvh.hedge.answer.v1", action="receive", retained=False,
        summary="What a person or a bot says to an adjustment; a retained one is refused as an old one.",
    ),
    "observation": _Channel(
        address="observation/{series}", kind="alvh.observation.v1", action="receive", retained=False,
        summary="An observation the feed does not carry, such as CPI; a retained one is refused as an old one.",
    ),
}  # fmt: skip
_PARAMETERS: Final = {
    "root": {"description": "mqtt.topic_root of the configuration", "default": "alvh"},
    "instance": {"description": "instance of the configuration", "default": "main"},
    "portfolio": {"description": "id of a portfolio of the configuration"},
    "series": {"description": "name of an observation series: letters, digits, _ and ."},
}


def asyncapi(version: str) -> dict[str, Any]:
    """Return the document, as plain JSON values.

    Args:
        version: of the service that speaks so.
    """
    _, defined = models_json_schema([(model, "validation") for model in MESSAGES.values()], ref_template=_REFERENCE)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ALVH signal service",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": "hedge", "description": "what the hedge would be, and why"}],
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {name: _channel(name, channel) for name, channel in _CHANNELS.items()},
        "operations": {f"{channel.action}_{name}": _operation(name, channel) for name, channel in _CHANNELS.items()},
        "components": {
            "messages": {name: _message(channel) for name, channel in _CHANNELS.items()},
            "schemas": defined["$defs"],
        },
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "5",
        "description": "The broker of the configuration; MQTT 3.1.1 where it speaks no newer. TLS: mqtts, port 8883.",
        "variables": {
            "host": {"default": "localhost", "description": "where the broker is"},
            "port": {"default": "1883", "description": "its port"},
        },
        "bindings": {
            "mqtt": {
                "cleanSession": False,
                "lastWill": {"topic": "alvh/main/status", "qos": 1, "retain": True},
                "bindingVersion": "0.2.0",
            }
        },
    }


def _channel(name: str, channel: _Channel) -> dict[str, Any]:
    address = f"{{root}}/{{instance}}/{channel.address}"
    return {
        "address": address,
        "description": channel.summary,
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {key: facts for key, facts in _PARAMETERS.items() if f"{{{key}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(name: str, channel: _Channel) -> dict[str, Any]:
    return {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": channel.summary,
        "description": f"The service {channel.action}s on this topic; a subscriber does the other half.",
        "tags": [{"name": "hedge"}],
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": channel.retained, "bindingVersion": "0.2.0"}},
    }


def _message(channel: _Channel) -> dict[str, Any]:
    model = MESSAGES[channel.kind]
    content_type = "application/cloudevents+json" if channel.action == "send" else "application/json"
    return {
        "name": channel.kind,
        "title": model.__name__,
        "summary": (model.__doc__ or "").splitlines()[0],
        "contentType": content_type,
        "payload": {"$ref": _REFERENCE.format(model=model.__name__)},
    }

"""The wire contract as a page for people: every field of every message with its type, unit and meaning."""

from collections.abc import Iterator
from typing import Any, Final

from alvh.messages import schemas

_HEAD: Final = """# Messages

Generated from `service/alvh/messages.py` and `message_parts.py` (`alvh schema messages` prints the JSON Schemas).
Payloads are CloudEvents 1.0 in structured JSON; a Python subscriber imports the models:
`from alvh.messages import AdjustmentMessage`. Fields are only ever added; a subscriber ignores what it does not know.
`null` means that a thing is not known or does not apply.
"""


def messages_page() -> str:
    """Return the page, Markdown."""
    lines = [_HEAD]
    parts: dict[str, dict[str, Any]] = {}
    for kind, schema in schemas().items():
        parts |= schema.get("$defs", {})
        lines += _section(f"`{kind}`", schema)
    lines.append("## What messages are made of\n")
    for name in sorted(parts):
        lines += _section(name, parts[name])
    return "\n".join(lines)


def _section(title: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {title}\n"
    if schema.get("description"):
        yield schema["description"] + "\n"
    yield "| field | type | unit | meaning |\n|---|---|---|---|"
    for field, facts in schema.get("properties", {}).items():
        yield f"| `{field}` | {_type(facts)} | {facts.get('unit', '')} | {facts.get('description', '')} |"
    yield ""


def _type(facts: dict[str, Any]) -> str:  # noqa: PLR0911 - one return for each kind of schema
    if "$ref" in facts:
        name = facts["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in facts:
        return f"`{facts['const']}`"
    if "enum" in facts:
        return ", ".join(f"`{value}`" for value in facts["enum"])
    if "anyOf" in facts:
        return " or ".join(dict.fromkeys(_type(kind) for kind in facts["anyOf"]))
    if facts.get("type") == "array":
        return f"list of {_type(facts.get('items', {}))}"
    if facts.get("type") == "object":
        return f"mapping to {_type(facts['additionalProperties'])}" if facts.get("additionalProperties") not in (
            None, True) else "mapping"  # fmt: skip
    return str(facts.get("type", "any"))

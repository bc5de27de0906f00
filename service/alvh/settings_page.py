"""The configuration as a page for people: every knob with its type, default, meaning and provenance."""

import json
from collections.abc import Iterator
from typing import Any, Final

from alvh.settings import Settings

_HEAD: Final = """# Configuration

Generated from `service/alvh/settings.py`, `settings_book.py`, `settings_feeds.py` and `settings_methodology.py`
(`alvh schema config` prints the JSON Schema). The file is YAML; whatever is left out has its default. An environment
variable `ALVH_SECTION__FIELD` wins over the file. Secrets: by environment, or in a file of their own (`password_file`,
`token_file`); they are never shown.

Provenance of the methodology's numbers: SEED (stands in a source text, named), PUB (a public page of the authors),
STD (textbook or exchange), ANCHOR (a published index or paper), CHOICE (ours).
"""


def configuration_page() -> str:
    """Return the page, Markdown."""
    schema = Settings.model_json_schema()
    sections = [("", schema), *((name, part) for name, part in sorted(schema["$defs"].items()) if "properties" in part)]
    return "\n".join([_HEAD, *(line for name, part in sections for line in _section(name, part))])


def defaults_table() -> str:
    """Return every number of the methodology with default and provenance, Markdown; docs/methodology.md ends in it."""
    parts = Settings.model_json_schema()["$defs"]
    lines = ["| number | default | what it is | provenance |", "|---|---|---|---|"]
    for group, facts in parts["Methodology"]["properties"].items():
        part = parts.get(facts.get("$ref", "").rpartition("/")[2], {})
        values = facts.get("default") if isinstance(facts.get("default"), dict) else {}
        for name, its in part.get("properties", {}).items():
            default = json.dumps(values.get(name, its.get("default")))
            lines.append(
                f"| `{group}.{name}` | {default} | {its.get('description', '')} | {its.get('provenance', '')} |"
            )
        if not part and facts.get("provenance"):
            default = json.dumps(facts.get("default"))
            lines.append(f"| `{group}` | {default} | {facts.get('description', '')} | {facts['provenance']} |")
    return "\n".join(lines) + "\n"


def _section(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield f"## {name or 'The whole file'}\n"
    if part.get("description"):
        yield part["description"].splitlines()[0] + "\n"
    yield "| field | type | default | meaning | provenance |\n|---|---|---|---|---|"
    required = part.get("required", [])
    for field, facts in part["properties"].items():
        default = "required" if field in required else _default(facts)
        meaning = facts.get("description", "")
        yield f"| `{field}` | {_type(facts)} | {default} | {meaning} | {facts.get('provenance', '')} |"
    yield ""


def _default(facts: dict[str, Any]) -> str:
    if "default" not in facts or facts["default"] is None:
        return "-"
    text = json.dumps(facts["default"])
    return f"`{text}`" if len(text) <= 40 else "see there"


def _type(facts: dict[str, Any]) -> str:
    if "$ref" in facts:
        name = facts["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in facts:
        return f"`{facts['const']}`"
    if "enum" in facts:
        return " or ".join(f"`{value}`" for value in facts["enum"])
    for several in ("anyOf", "oneOf"):
        if several in facts:
            kinds = [_type(kind) for kind in facts[several] if kind.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if facts.get("type") == "array":
        return f"list of {_type(facts.get('items', {}))}"
    return str(facts.get("format") or facts.get("type", "any"))

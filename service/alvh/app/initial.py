"""`alvh init`: a configuration with every knob in it, each with its default, unit and meaning."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alvh.errors import InputError
from alvh.settings import Settings

_HEAD: Final = """## ALVH signal service: a configuration, written by `alvh init`.
##
## Lines that begin with ## explain. A single # stands before a setting at its default: remove it to change the setting.
## `alvh check FILE` says what this file resolves to, or which field is wrong; `alvh run --config FILE` starts with it.
## An environment variable ALVH_SECTION__FIELD wins over the file; that, or a file of its own, is the place of a secret.
"""
_FEEDS: Final[Mapping[str, str]] = {"simulated": "SimulatedFeed", "tape": "TapeFeed", "ib": "IbFeed"}
_REQUIRED: Final[Mapping[str, str]] = {"path": "FOLDER"}  # what a person must fill in
_PORTFOLIOS: Final = """portfolios:
  - id: core
    ## Triggers alone, until what is held stands below; then `alvh`: the hedge by the methodology.
    hedge: none
    ## Small caps held beside the condors:
#    small_caps: [{symbol: IWM, shares: 448}]
    ## Iron condors held; strikes and credit in points, SPXW settles in the afternoon, SPX in the morning:
#    condors:
#      - {expiry: 2027-01-15, quantity: 4, credit: 10.10, short_put: 5650, long_put: 5600, short_call: 6275,
#         long_call: 6325, trading_class: SPXW}
    ## ... or condors opened by rule, in paper:
#    condor_program: {dte: 35, short_delta: 0.20, long_delta: 0.05, quantity: 4, roll: expiry}
    ## Every number of the methodology, with where its default comes from:
"""
_ACTIVE: Final = frozenset({"instance", "feed", "portfolios"})


def write_initial(path: Path, feed: str, *, force: bool) -> None:
    """Write a commented configuration for a kind of feed.

    Raises:
        InputError: the file exists and may not be replaced, or cannot be written.
    """
    text = initial(feed)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(f"{path}: exists already; --force replaces it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def initial(feed: str) -> str:
    """Return a commented configuration, YAML; `feed` is simulated, tape or ib."""
    schema = Settings.model_json_schema()
    parts, properties = schema["$defs"], schema["properties"]
    lines = [_HEAD, f"## {properties['instance']['description']}.", "instance: main", ""]
    lines += ["## Where prices come from: simulated, tape or ib.", "feed:", f"  kind: {feed}"]
    lines += _feed(parts[_FEEDS[feed]])
    for name, facts in properties.items():
        if name not in _ACTIVE:
            lines += ["", *_setting(name, facts, facts.get("default"), parts, "")]
    methodology = parts["Portfolio"]["properties"]["methodology"]
    lines += ["", "## The books, and how the hedge of each is decided."]
    if feed == "simulated":
        lines += ["## The default is one made-up book, `demo`. Your own:"]
        lines += ["#" + line if not line.startswith("#") else line for line in _PORTFOLIOS.rstrip("\n").split("\n")]
    else:
        lines.append(_PORTFOLIOS.rstrip("\n"))
    lines += _setting("methodology", methodology, methodology["default"], parts, "    ")
    return "\n".join(lines) + "\n"


def _feed(part: Mapping[str, Any]) -> Iterator[str]:
    for name, facts in part["properties"].items():
        if name == "kind":
            continue
        if name in _REQUIRED:
            yield f"  {name}: {_REQUIRED[name]}  ## {facts.get('description', 'required')}"
        else:
            yield f"#  {name}: {_plain(facts.get('default'))}{_remark(facts)}"


def _setting(
    name: str, facts: Mapping[str, Any], value: object, parts: Mapping[str, Any], indent: str
) -> Iterator[str]:
    """One setting at its default, commented out, and what stands below it."""
    part = _part(facts, parts)
    if part is None or not isinstance(value, Mapping):
        yield f"#{indent}{name}: {_plain(value)}{_remark(facts)}"
        return
    if part.get("description"):
        yield f"## {' '.join(part['description'].split())}"
    yield f"#{indent}{name}:"
    for below, its in part["properties"].items():
        yield from _setting(below, its, value.get(below, its.get("default")), parts, indent + "  ")


def _part(facts: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    reference = facts.get("$ref")
    if reference is None:
        return None
    part: Mapping[str, Any] = parts[reference.rpartition("/")[2]]
    return part if "properties" in part else None


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _remark(facts: Mapping[str, Any]) -> str:
    """What a setting is, and where its default comes from."""
    words = [str(facts[key]) for key in ("description", "provenance") if facts.get(key)]
    return f"  ## {'; '.join(words)}" if words else ""

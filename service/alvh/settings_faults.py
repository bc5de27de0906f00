"""What is wrong with a document, in one line that never shows a secret."""

import re
from datetime import date
from typing import Any, Final

import yaml
from pydantic import ValidationError

_DATE_KEY: Final = re.compile(r"datetime\.date\((\d+), (\d+), (\d+)\)")
_CREDENTIALS: Final = re.compile(r"(//)[^\s'\"]*@")
_SECRETS: Final = ("password", "token")
_SHOWN: Final = 60  # characters: enough to find the place


def masked(text: str) -> str:
    """Return a text with what stands before the @ of a URL taken out: a password may stand there."""
    return _CREDENTIALS.sub(r"\1***@", text)


def explain(name: str, error: ValidationError) -> str:
    """Put validation errors in one line: file, field, what was expected, what stood there (never a secret)."""
    faults = []
    for fault in error.errors(include_url=False):
        field = _DATE_KEY.sub(_iso_key, ".".join(str(part) for part in fault["loc"])) or "(whole file)"
        faults.append(f"{field}: {fault['msg'].removeprefix('Value error, ')}{_got(fault, field)}")
    return f"{name}: " + "; ".join(faults)


def explain_yaml(error: Exception) -> str:
    """Return what is wrong and where, without the line itself: a parser quotes it, and a secret may stand in it."""
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or error.context or "cannot be understood"
        mark = error.problem_mark or error.context_mark
        return problem if mark is None else f"{problem} (line {mark.line + 1}, column {mark.column + 1})"
    if isinstance(error, UnicodeError):
        return "expected UTF-8"
    return masked(" ".join(str(error).split()))


def _got(fault: Any, field: str) -> str:  # noqa: ANN401 - one of pydantic's fault descriptions
    # A name nobody knows may be a misspelt `password`.
    is_secret = fault["type"] == "extra_forbidden" or any(word in field for word in _SECRETS)
    if is_secret or not isinstance(fault["input"], str | int | float | bool | None):
        return ""
    return f", got {masked(repr(fault['input']))[:_SHOWN]}"


def _iso_key(key: re.Match[str]) -> str:
    year, month, day = (int(group) for group in key.groups())
    return date(year, month, day).isoformat()

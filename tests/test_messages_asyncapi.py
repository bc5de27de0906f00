"""The AsyncAPI document: valid to the official parser, and saying what the service does."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from alvh import __version__
from alvh.core.effects import Publish
from alvh.messages import MESSAGES
from alvh.messages_asyncapi import asyncapi
from alvh.shell.topics import Topics

NODE = Path(__file__).parent / "node"


def test_every_message_has_a_channel_and_every_reference_leads_somewhere() -> None:
    document = asyncapi(__version__)
    assert {each["name"] for each in document["components"]["messages"].values()} == set(MESSAGES)
    for reference in set(re.findall(r'"\$ref": "(#[^"]+)"', json.dumps(document))):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


@pytest.mark.parametrize(
    ("kind", "portfolio", "retained"),
    [("adjustment", "core", False), ("target", "core", True), ("signals", None, True)],
)
def test_topics_and_retention_are_those_of_the_service(kind: str, portfolio: str | None, retained: bool) -> None:
    publish = Publish(kind=kind, portfolio=portfolio, retained=retained, body=b"{}")
    document = asyncapi(__version__)
    address = document["channels"][kind]["address"]
    told = address.format(root="alvh", instance="main", portfolio="core")
    assert told == Topics(root="alvh", instance="main").of(publish)
    assert document["operations"][f"send_{kind}"]["bindings"]["mqtt"]["retain"] is retained


@pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(),
    reason="needs node, and the packages scripts/node.sh installs with npm",
)
def test_the_official_parser_finds_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    file.write_text(json.dumps(asyncapi(__version__)))
    done = subprocess.run(["node", str(NODE / "asyncapi.mjs"), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == len(MESSAGES)

"""How long the commands take that a person types and waits for."""

from typing import Final

from bench.figures import Aim, Figure, Report
from bench.processes import seconds_of
from servers import redis_server, temporary_folder

NAME: Final = "commands"
TITLE: Final = "Commands that answer at once"

_WANTED_S: Final = 0.3
_ROUNDS: Final = 5
_VENDORS: Final = {
    "schema messages": "pydantic",
    "schema config": "pydantic_settings",
    "events": "pydantic_settings, redis.asyncio",
}


def measure(scale: float) -> Report:
    """Measure each command a few times beside the bare imports of the libraries it cannot do without."""
    rounds = max(3, round(_ROUNDS * scale))
    figures = []
    with redis_server() as redis, temporary_folder() as folder:
        config = folder / "alvh.yaml"
        config.write_text(f"redis: {{url: '{redis.url}'}}\n", encoding="utf-8")
        for command, vendors in _VENDORS.items():
            options = ["--config", str(config)] if command == "events" else []
            ours = ("-m", "alvh", *command.split(), *options)
            taken, floor = seconds_of(ours, ("-c", f"import {vendors}"), rounds=rounds)
            figures.append(
                Figure(
                    what=f"alvh {command}",
                    value=taken,
                    unit="s",
                    against=f"python -c 'import {vendors}'",
                    floor=floor,
                    aim=Aim(text=f"under {_WANTED_S:g} s", is_met=taken < _WANTED_S),
                )
            )
    note = "Whole processes, bytecode compiled before; `events` asks a Redis on this machine whose outbox is empty."
    return Report(name=NAME, title=TITLE, figures=tuple(figures), notes=(note,))

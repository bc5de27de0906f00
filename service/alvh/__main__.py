"""The command line: each command loads only what it needs."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alvh import __version__
from alvh.errors import AlvhError, InputError

_DONE: Final = 0
_FAILED: Final = 1
_BAD_INPUT: Final = 2
_DECISIONS: Final = ("accept", "amend", "reject", "executed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 it failed at run time, 2 bad usage, configuration or input."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as error:
        return _complain(error, _BAD_INPUT)
    except AlvhError as error:
        return _complain(error, _FAILED)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing to say, and nothing to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
    except Exception as fault:
        if "ALVH_TRACEBACK" in os.environ:
            raise
        words = f"a fault of this program, {type(fault).__name__}: {fault} (ALVH_TRACEBACK=1 shows where)"
        return _complain(AlvhError(words), _FAILED)


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"alvh: {' '.join(str(error).split())}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="alvh", description="Hedge signals for SPX condors; never places an order.")
    parser.add_argument("--version", action="version", version=f"alvh {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("--config", type=Path, metavar="FILE", help="configuration; default: the simulated demo")

    command = commands.add_parser("run", parents=[config], help="the daemon")
    command.set_defaults(run=_run)

    command = commands.add_parser("replay", parents=[config], help="fold the engine over a tape or a journal")
    command.add_argument("source", metavar="SOURCE", help="tape folder, journal .jsonl[.gz], or redis URL")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines; - for standard output")
    command.add_argument("--all", action="store_true", help="the other messages too")
    command.set_defaults(run=_replay)

    command = commands.add_parser("signals", parents=[config], help="all signals at each session close, as CSV")
    command.add_argument("source", metavar="SOURCE", help="tape folder, journal .jsonl[.gz], or redis URL")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV; - for standard output")
    command.set_defaults(run=_signals)

    command = commands.add_parser("size", help="one sizing of one portfolio in one market, as JSON")
    command.add_argument("--portfolio", type=Path, required=True, metavar="FILE", help="a portfolio, YAML")
    command.add_argument("--market", type=Path, required=True, metavar="FILE", help="a market: alvh schema market")
    command.set_defaults(run=_size)

    command = commands.add_parser("check", help="validate a configuration")
    command.add_argument("file", type=Path, metavar="FILE")
    command.set_defaults(run=_check)

    command = commands.add_parser("events", parents=[config], help="adjustments, readably: history, then live")
    command.add_argument("--portfolio", metavar="ID")
    command.add_argument("--from", dest="start", type=int, metavar="SEQUENCE", help="from this sequence number on")
    command.add_argument("--follow", action="store_true", help="go on with live ones")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(run=_events)

    command = commands.add_parser("status", parents=[config], help="connections, last quotes, phases, timers")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_status)

    command = commands.add_parser("answer", parents=[config], help="answer an adjustment")
    command.add_argument("message_id", metavar="MESSAGE_ID")
    command.add_argument("decision", choices=_DECISIONS)
    command.add_argument("--by", metavar="NAME", help="who decides; default: the user of this shell")
    command.add_argument("--reason", metavar="TEXT", help="why; required for amend and reject")
    command.set_defaults(run=_answer)

    command = commands.add_parser("record", parents=[config], help="write the live feed as a tape")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    command.add_argument("--from", dest="start", type=int, default=1, metavar="SEQUENCE", help="first event of the log")
    command.add_argument("--once", action="store_true", help="stop at the log's end instead of following it")
    command.set_defaults(run=_record)

    command = commands.add_parser("schema", help="JSON Schemas, and the wire as AsyncAPI 3")
    command.add_argument("what", choices=("config", "market", "messages", "asyncapi"))
    command.set_defaults(run=_schema)
    return parser


def _run(options: argparse.Namespace) -> int:
    from alvh.app.daemon import run  # noqa: PLC0415 - loads everything

    return run(options.config)


def _replay(options: argparse.Namespace) -> int:
    from alvh.app.replaying import replay  # noqa: PLC0415 - loads the engine
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    count = replay(options.source, load(options.config), options.out, everything=options.all)
    sys.stderr.write(f"{count} messages\n")
    return _DONE


def _signals(options: argparse.Namespace) -> int:
    from alvh.app.replaying import signals  # noqa: PLC0415 - loads the engine
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    count = signals(options.source, load(options.config), options.out)
    sys.stderr.write(f"{count} sessions\n")
    return _DONE


def _size(options: argparse.Namespace) -> int:
    from alvh.app.sizing import sized  # noqa: PLC0415 - loads the engine

    _print(json.loads(sized(options.portfolio, options.market)))
    return _DONE


def _check(options: argparse.Namespace) -> int:
    from alvh.settings import decision_document, document_hash, load  # noqa: PLC0415 - loads pydantic-settings

    settings = load(options.file)
    resolved = settings.model_dump(mode="json", by_alias=True)
    _print(resolved)
    sys.stderr.write(f"{options.file}: ok, config hash {document_hash(decision_document(settings))}\n")
    return _DONE


def _events(options: argparse.Namespace) -> int:
    from alvh.app.looking import events  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    return events(
        load(options.config),
        portfolio=options.portfolio,
        start=options.start,
        follow=options.follow,
        as_json=options.json,
    )


def _status(options: argparse.Namespace) -> int:
    from alvh.app.looking import status  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    return status(load(options.config), as_json=options.json)


def _answer(options: argparse.Namespace) -> int:
    from alvh.app.looking import answer  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    by = options.by or os.environ.get("USER") or "unknown"
    return answer(load(options.config), options.message_id, options.decision, by=by, reason=options.reason)


def _record(options: argparse.Namespace) -> int:
    from alvh.app.looking import record  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    return record(load(options.config), options.out, start=options.start, once=options.once)


def _schema(options: argparse.Namespace) -> int:
    if options.what == "config":
        from alvh.settings import Settings  # noqa: PLC0415 - loads pydantic-settings

        _print(Settings.model_json_schema())
    elif options.what == "market":
        from alvh.app.market_file import MarketFile  # noqa: PLC0415 - loads pydantic-settings

        _print(MarketFile.model_json_schema())
    elif options.what == "asyncapi":
        from alvh.messages_asyncapi import asyncapi  # noqa: PLC0415 - builds every model

        _print(asyncapi(__version__))
    else:
        from alvh.messages import schemas  # noqa: PLC0415 - builds every model

        _print(schemas())
    return _DONE


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


if __name__ == "__main__":
    sys.exit(main())

"""The command line: each command loads only what it needs."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

from alvh import __version__
from alvh.errors import AlvhError, InputError

_DONE: Final = 0
_FAILED: Final = 1
_BAD_INPUT: Final = 2
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse's only name for it
_DECISIONS: Final = ("accept", "amend", "reject", "executed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 it failed at run time, 2 bad usage, configuration or input."""
    options = parser().parse_args(arguments)
    as_json = options.json
    try:
        return int(options.run(options))
    except InputError as error:
        return _complain(error, _BAD_INPUT, as_json=as_json)
    except AlvhError as error:
        return _complain(error, _FAILED, as_json=as_json)
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
        return _complain(AlvhError(words), _FAILED, as_json=as_json)


def _complain(error: Exception, code: int, *, as_json: bool) -> int:
    line = " ".join(str(error).split())
    sys.stderr.write((json.dumps({"error": line, "exit_code": code}) if as_json else f"alvh: {line}") + "\n")
    return code


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    made = argparse.ArgumentParser(prog="alvh", description="Hedge signals for SPX condors; never places an order.")
    made.add_argument("--version", action="version", version=f"alvh {__version__}")
    commands = made.add_subparsers(title="commands", required=True, metavar="COMMAND")
    speech = argparse.ArgumentParser(add_help=False)
    speech.add_argument("--json", action="store_true", help="results, and errors, as JSON for a program")
    config = argparse.ArgumentParser(add_help=False, parents=[speech])
    config.add_argument("--config", type=Path, metavar="FILE", help="configuration; default: the simulated demo")
    _add_engine(commands, config, speech)
    _add_instance(commands, config)
    _add_gateway_sim(commands, speech)
    _add_formats(commands, speech)
    return made


def _add_engine(commands: _Commands, config: argparse.ArgumentParser, speech: argparse.ArgumentParser) -> None:
    """The daemon, and its engine without one."""
    command = commands.add_parser("run", parents=[config], help="the daemon")
    command.set_defaults(run=_run)

    command = commands.add_parser("replay", parents=[config], help="fold the engine over a tape or a journal")
    command.add_argument("source", metavar="SOURCE", help="tape or archive folder, journal .jsonl[.gz], redis URL")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines; - for standard output")
    command.add_argument("--all", action="store_true", help="the other messages too")
    command.set_defaults(run=_replay)

    command = commands.add_parser("signals", parents=[config], help="all signals at each session close, as CSV")
    command.add_argument("source", metavar="SOURCE", help="tape or archive folder, journal .jsonl[.gz], redis URL")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV; - for standard output")
    command.set_defaults(run=_signals)

    command = commands.add_parser("size", parents=[speech], help="one sizing of one portfolio in one market, as JSON")
    command.add_argument("--portfolio", type=Path, required=True, metavar="FILE", help="a portfolio, YAML")
    command.add_argument("--market", type=Path, required=True, metavar="FILE", help="a market: alvh schema market")
    command.set_defaults(run=_size)


def _add_instance(commands: _Commands, config: argparse.ArgumentParser) -> None:
    """What speaks to a running instance."""
    command = commands.add_parser("events", parents=[config], help="adjustments, readably: history, then live")
    command.add_argument("--portfolio", metavar="ID")
    command.add_argument("--from", dest="start", type=int, metavar="SEQUENCE", help="from this sequence number on")
    command.add_argument("--follow", action="store_true", help="go on with live ones")
    command.set_defaults(run=_events)

    command = commands.add_parser("status", parents=[config], help="connections, last quotes, phases, timers")
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

    command = commands.add_parser("archive", parents=[config], help="add to the archive what it lacks of the log")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="default: the configuration's archive")
    command.set_defaults(run=_archive)


def _add_formats(commands: _Commands, speech: argparse.ArgumentParser) -> None:
    """Configurations, schemas, and the shell's help."""
    command = commands.add_parser("init", parents=[speech], help="write a commented configuration")
    command.add_argument("file", type=Path, nargs="?", default=Path("alvh.yaml"), metavar="FILE")
    command.add_argument(
        "--feed", choices=("simulated", "tape", "ib"), default="simulated", help="where prices come from"
    )
    command.add_argument("--force", action="store_true", help="replace a file that is there")
    command.set_defaults(run=_init)

    command = commands.add_parser("check", parents=[speech], help="validate a configuration")
    command.add_argument("file", type=Path, metavar="FILE")
    command.set_defaults(run=_check)

    command = commands.add_parser("schema", parents=[speech], help="JSON Schemas, and the wire as AsyncAPI 3")
    command.add_argument("what", choices=("config", "market", "messages", "asyncapi"))
    command.set_defaults(run=_schema)

    command = commands.add_parser("completion", parents=[speech], help="print a shell's completion script")
    command.add_argument("shell", choices=("bash", "zsh", "fish"))
    command.set_defaults(run=_completion)


def _add_gateway_sim(commands: _Commands, speech: argparse.ArgumentParser) -> None:
    """A gateway for whoever has no account."""
    command = commands.add_parser(
        "gateway-sim", parents=[speech], help="an IB Gateway without an account, for trying feed: {kind: ib}"
    )
    command.add_argument("--tape", type=Path, metavar="FOLDER", help="what it sells; default: the simulator")
    command.add_argument("--begin", type=_date, metavar="DATE", help="first date of the tape sent as now")
    command.add_argument("--port", type=int, default=4002, metavar="N", help="default: 4002; 0: any that is free")
    command.add_argument("--speed", type=float, default=60.0, metavar="X", help="market seconds a second; default: 60")
    command.add_argument("--seed", type=int, default=7, metavar="N", help="of the simulator")
    command.add_argument("--holding", action="append", default=[], metavar="NAME=SHARES", help="in the account")
    command.set_defaults(run=_gateway_sim)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD, got {text!r}") from None


def _run(options: argparse.Namespace) -> int:
    # While modules load, Ctrl-C ends the process at once: an exception raised then may be lost in an import's callback,
    # and the daemon would go on. Nothing is open yet; the daemon listens to the signal by itself from its start on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from alvh.app.daemon import run  # noqa: PLC0415 - loads everything

    return run(options.config)


def _replay(options: argparse.Namespace) -> int:
    from alvh.app.replaying import replay  # noqa: PLC0415 - loads the engine
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    count = replay(options.source, load(options.config), options.out, everything=options.all)
    return _report(options, f"{count} messages", messages=count)


def _signals(options: argparse.Namespace) -> int:
    from alvh.app.replaying import signals  # noqa: PLC0415 - loads the engine
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    count = signals(options.source, load(options.config), options.out)
    return _report(options, f"{count} sessions", sessions=count)


def _size(options: argparse.Namespace) -> int:
    from alvh.app.sizing import sized  # noqa: PLC0415 - loads the engine

    _print(json.loads(sized(options.portfolio, options.market)))
    return _DONE


def _init(options: argparse.Namespace) -> int:
    from alvh.app.initial import write_initial  # noqa: PLC0415 - loads pydantic-settings

    write_initial(options.file, options.feed, force=options.force)
    said = f"{options.file}: written; edit it, then: alvh check {options.file}, alvh run --config {options.file}"
    return _report(options, said, file=str(options.file))


def _completion(options: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415 - only here

    made = parser()
    for each in _every(made):
        for action in each._actions:  # noqa: SLF001 - argparse names them nowhere else
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined] # shtab's way of asking for file names
    sys.stdout.write(shtab.complete(made, shell=options.shell) + "\n")
    return _DONE


def _every(made: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands."""
    yield made
    for action in made._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            yield from action.choices.values()


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
    answer(load(options.config), options.message_id, options.decision, by=by, reason=options.reason)
    said = f"{options.message_id}: {options.decision} by {by}"
    if options.json:
        return _report(options, said, event_id=options.message_id, decision=options.decision, by=by)
    sys.stdout.write(said + "\n")
    return _DONE


def _record(options: argparse.Namespace) -> int:
    from alvh.app.looking import record  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    return record(load(options.config), options.out, start=options.start, once=options.once)


def _gateway_sim(options: argparse.Namespace) -> int:
    from alvh.app.gateway_sim import Wanted, gateway_sim  # noqa: PLC0415 - loads the feeds

    wanted = Wanted(
        port=options.port, tape=options.tape, begin=options.begin, speed=options.speed, seed=options.seed,
        holdings=tuple(options.holding),
    )  # fmt: skip
    return gateway_sim(wanted, as_json=options.json)


def _archive(options: argparse.Namespace) -> int:
    from alvh.app.looking import archive  # noqa: PLC0415 - loads Redis
    from alvh.settings import load  # noqa: PLC0415 - loads pydantic-settings

    return archive(load(options.config), options.out)


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


def _report(options: argparse.Namespace, words: str, **facts: Any) -> int:  # noqa: ANN401 - JSON values
    """Say what was done: a line beside the output for a person, an object for a program."""
    if options.json:
        beside = str(getattr(options, "out", "")) == "-"
        (sys.stderr if beside else sys.stdout).write(json.dumps(facts) + "\n")
    else:
        sys.stderr.write(words + "\n")
    return _DONE


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


if __name__ == "__main__":
    sys.exit(main())

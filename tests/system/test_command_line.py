"""The command line as a person uses it: exit codes, one line for what is wrong, no traceback."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alvh.__main__ import main
from servers import redis_server
from system.instance import PORTFOLIOS, SERVICE, alvh, alvh_beside, walk_tape

CONFIG = f"redis: {{url: 'redis://127.0.0.1:1/0'}}\n{PORTFOLIOS}"


def written(folder: Path, text: str = CONFIG) -> Path:
    """A configuration file."""
    path = folder / "alvh.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of sixty sessions."""
    return walk_tape(tmp_path_factory.mktemp("tape"), 11, sessions=60, quotes=6)


@pytest.mark.parametrize("content", [None, {}, {"SPX.csv": ""}, {"SPX.csv": "date,close\n"}, {"notes.txt": "hello"}])
def test_no_tape_is_bad_input(
    tmp_path: Path, content: dict[str, str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder, an empty one, empty files: exit code 2 and one line that names it."""
    folder = tmp_path / "tape"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    for command in ("replay", "signals"):
        assert main([command, str(folder), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        last = said.splitlines()[-1]
        assert last.startswith("alvh: ")
        assert str(folder) in last
        assert "Traceback" not in said
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "{config}"],
        ["replay", "{tape}", "--config", "{config}", "--out", "{out}"],
        ["signals", "{tape}", "--config", "{config}", "--out", "{out}"],
        ["status", "--config", "{config}"],
        ["events", "--config", "{config}"],
        ["run", "--config", "{config}"],
    ],
)
def test_a_bad_configuration_is_named_by_every_command(tape: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2; file, field and expectation in one line."""
    config = written(tmp_path, "portfolios: [{id: core, methodology: {timer: {hard: soon}}}]")
    filled = [each.format(config=config, tape=tape, out=tmp_path / "out") for each in arguments]
    done = alvh(*filled, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert str(config) in line
    assert "portfolios.0.methodology.timer.hard" in line
    assert "soon" in line


def test_output_that_cannot_be_written_is_bad_input(tape: Path, tmp_path: Path) -> None:
    """A folder that is not there, or a folder in place of a file."""
    for out in (tmp_path / "no" / "out.jsonl", tmp_path):
        done = alvh("replay", tape, "--out", out, check=False)
        assert done.returncode == 2
        assert str(out) in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_output_that_is_no_plain_file_is_written_to_and_stays_what_it_is(tape: Path, tmp_path: Path) -> None:
    """Devices, standard output, a link to a file; a full disk is a failure at run time."""
    assert alvh("replay", tape, "--out", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    alvh("replay", tape, "--out", tmp_path / "plain")
    said = alvh("replay", tape, "--out", "-").stdout
    assert said.encode() == (tmp_path / "plain").read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "linked")
    alvh("replay", tape, "--out", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "linked").read_bytes() == said.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "linked", "plain"], "no draft is left"
    if Path("/dev/full").exists():
        full = alvh("replay", tape, "--out", "/dev/full", check=False)
        assert full.returncode == 1
        assert full.stderr.splitlines() == ["alvh: /dev/full: cannot be written: No space left on device"]


BAD_CONFIGURATIONS = {
    "portfolios: [{id: core, hedge: maybe}]": ("portfolios.0.hedge", "none"),
    "portfolios: [{id: a}, {id: a}]": ("portfolios", "different id"),
    "portfolios: []": ("portfolios", "at least 1"),
    "portfolios: [{hedge: none}]": ("portfolios.0.id", "required"),
    "portfolios: [{id: 'a b'}]": ("portfolios.0.id", "pattern"),
    "portfolios: [{id: a, small_caps: [{symbol: IWM, shares: -1}]}]": (
        "portfolios.0.small_caps.0.shares",
        "greater than",
    ),
    "portfolios: [{id: a, methodology: {move3: {threshold: 3%}}}]": ("threshold", "number"),
    "portfolios: [{id: a, methodology: {moves: {threshold: 0.03}}}]": ("methodology.moves", "not permitted"),
    "feed: {kind: csv}": ("feed", "tape"),
    "feed: {kind: tape}": ("feed.tape.path", "required"),
    "feed: {kind: tape, path: x, speed: -1}": ("speed", "greater than"),
    "redis: {url: 'http://x'}": ("redis.url", "redis://"),
    "mqtt: {url: 'x'}": ("mqtt.url", "mqtt://"),
    "http: {host: 0.0.0.0}": ("http", "token"),
    "http: {port: 99999}": ("http.port", "65535"),
    "instance: '{x}'": ("instance", "pattern"),
    "colour: blue": ("colour", "not permitted"),
    "- a list": ("mapping", "list"),
    "just words": ("mapping", "str"),
    "a: [1, 2": ("YAML", "YAML"),
    "1: 2": ("mapping", "mapping"),
    "calendar: {closed: [someday]}": ("calendar.closed.0", "date"),
    "redis: {password_file: /nowhere/secret}": ("/nowhere/secret", "secret"),
}


@pytest.mark.parametrize("text", BAD_CONFIGURATIONS)
def test_bad_configuration_is_one_line_with_file_field_and_expectation(text: str, tmp_path: Path) -> None:
    """Exit code 2, no traceback; `check` and `run` say the same."""
    config = written(tmp_path, text)
    if text.startswith("redis: {password_file"):
        config.write_text("redis: {url: 'redis://127.0.0.1:1', password_file: /nowhere/secret}\n")
        done = alvh("run", "--config", config, check=False)
    else:
        done = alvh("check", config, check=False)
        assert str(config) in done.stderr
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("alvh: ")
    for word in BAD_CONFIGURATIONS[text]:
        assert word in line
    assert done.stdout == ""


def test_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder, a missing file, bytes that are no text."""
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    for path in (tmp_path, tmp_path / "missing.yaml", tmp_path / "binary.yaml"):
        for arguments in (("check", path), ("events", "--config", path)):
            done = alvh(*arguments, check=False)
            assert done.returncode == 2
            (line,) = done.stderr.splitlines()
            assert str(path) in line


def test_environment_wins_over_the_file_and_its_faults_are_named(tmp_path: Path) -> None:
    """`ALVH_SECTION__FIELD`."""
    config = written(tmp_path)
    assert json.loads(alvh("check", config, ALVH_INSTANCE="other").stdout)["instance"] == "other"
    done = alvh("check", config, check=False, ALVH_HTTP__PORT="many")
    assert done.returncode == 2
    assert "http.port" in done.stderr
    done = alvh("check", config, check=False, ALVH_REDIS__PASSWORD="hunter2", ALVH_HTTP__PORT="many")
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["events"], ["status"], ["schema", "config"], ["schema", "messages"], ["check"]])
def test_looking_loads_no_more_than_it_needs(command: list[str], tmp_path: Path) -> None:
    """A look at a plain Redis answers in a third of a second: neither engine nor clients are loaded for it."""
    with redis_server() as redis:
        config = written(tmp_path, CONFIG.replace("redis://127.0.0.1:1/0", redis.url))
        options = {"check": [str(config)], "schema": []}.get(command[0], ["--config", str(config)])
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from alvh.__main__ import main; code = main(sys.argv[1:]);"
                "sys.stderr.write('\\n'.join(['', *sys.modules])); sys.exit(code)",
                *command,
                *options,
            ],
            env={**os.environ, "PYTHONPATH": str(SERVICE)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == (1 if command == ["status"] else 0), done.stderr
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    vendors = {"redis", "numpy", "scipy", "exchange_calendars", "pandas", "aiomqtt", "amqtt", "aiohttp", "structlog"}
    assert vendors & loaded == set()
    assert not any(name.startswith(("alvh.core.engine", "alvh.shell")) for name in done.stderr.split())


def test_redis_that_is_away_is_a_failure_at_run_time(tmp_path: Path) -> None:
    """Exit code 1 where one looks at an instance that is not there."""
    config = written(tmp_path)
    for command in ("status", "events"):
        done = alvh(command, "--config", config, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_check_shows_what_it_resolved_to_and_masks_secrets(tmp_path: Path) -> None:
    """All defaults, no secret."""
    config = written(tmp_path, CONFIG.replace("/0'}", "/0', password: hunter2}"))
    done = alvh("check", config)
    shown = json.loads(done.stdout)
    assert shown["portfolios"][1]["methodology"]["timer"] == {"soft": 5, "hard": 3, "hard_in_ttheta": 5}
    assert shown["feed"]["kind"] == "simulated"
    assert "hunter2" not in done.stdout + done.stderr


def test_schemas_are_json_schemas() -> None:
    """Of the configuration and of each message; units stand in them."""
    configuration = json.loads(alvh("schema", "config").stdout)
    assert configuration["properties"]["portfolios"]["type"] == "array"
    messages = json.loads(alvh("schema", "messages").stdout)
    adjustment = messages["alvh.hedge.adjustment.v1"]
    assert adjustment["$defs"]["HedgeAdjustment"]["properties"]["basis"]["unit"] == "points"


def test_signals_have_a_row_per_close_and_the_documented_columns(tape: Path, tmp_path: Path) -> None:
    """Empty where not ready or missing."""
    out = tmp_path / "signals.csv"
    alvh("signals", tape, "--out", out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    documented = (
        "S03_macd S03_signal S03_rut_macd S03_rut_signal S04_difference S05_rsi S06_macd S06_signal S07_rsi"
        " S08_macd S08_signal S10_spread S10_mean S10_x S11_b30 S11_b90 S11_beta S12_capture S14_slope S16_ratio"
        " S18_rv20 S18_vrp"
    )
    assert set(documented.split()) <= set(rows[0])
    assert rows[0]["S05_rsi"] == ""
    assert rows[-1]["S05_rsi"] != ""
    assert rows[-1]["S10_spread"] == "", "the tape has no RVX"


def test_usage_errors_are_exit_code_2() -> None:
    """Unknown commands and options."""
    for arguments in ([], ["nothing"], ["replay"], ["schema", "nothing"], ["answer", "x", "maybe"]):
        assert alvh(*arguments, check=False).returncode == 2


def test_errors_for_a_program_are_json() -> None:
    """`--json` stands behind any command: one object with the line and the exit code."""
    done = alvh("check", "no-such-file.yaml", "--json", check=False)
    assert done.returncode == 2
    said = json.loads(done.stderr)
    assert said["exit_code"] == 2
    assert "no-such-file.yaml" in said["error"]


def test_results_for_a_program_are_json(tmp_path: Path) -> None:
    """What a person reads in a line, a program reads as an object, on standard error where output takes the other."""
    tape = walk_tape(tmp_path / "tape", 3, sessions=12, quotes=2)
    done = alvh("replay", tape, "--out", tmp_path / "out.jsonl", "--json")
    assert json.loads(done.stdout) == {"messages": (tmp_path / "out.jsonl").read_bytes().count(b"\n")}
    done = alvh("signals", tape, "--out", "-", "--json")
    assert json.loads(done.stderr.splitlines()[-1]) == {"sessions": 12}
    assert done.stdout.startswith("date,")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_every_command(shell: str) -> None:
    """The script names each command and its options."""
    script = alvh("completion", shell).stdout
    for word in ("run", "replay", "answer", "completion", "follow", "json"):
        assert word in script


def test_bash_completes_commands(tmp_path: Path) -> None:
    """The real shell takes the script and offers what fits."""
    (tmp_path / "alvh.bash").write_text(alvh("completion", "bash").stdout)
    asked = 'source alvh.bash; COMP_WORDS=(alvh re); COMP_CWORD=1; _shtab_alvh; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == {"replay", "record"}, done.stderr


@pytest.mark.parametrize("after_s", [0.3, 0.5, 0.8, 1.2])
def test_ctrl_c_is_heard_while_the_daemon_loads(tmp_path: Path, after_s: float) -> None:
    """At whatever import it falls, the process ends; it is not lost, with a daemon that goes on."""
    with alvh_beside(tmp_path / "said", "run", "--config", written(tmp_path)) as starting:
        time.sleep(after_s)
        starting.send_signal(signal.SIGINT)
        starting.wait(30)

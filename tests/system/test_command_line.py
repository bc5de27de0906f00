"""The command line as a person uses it: exit codes, one line for what is wrong, no traceback."""

import csv
import json
from pathlib import Path

import pytest

from system.instance import TWO_PORTFOLIOS, alvh, walk_tape

CONFIG = f"redis: {{url: 'redis://127.0.0.1:1/0'}}\n{TWO_PORTFOLIOS}"


def written(folder: Path, text: str = CONFIG) -> Path:
    """A configuration file."""
    path = folder / "alvh.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of sixty sessions."""
    return walk_tape(tmp_path_factory.mktemp("tape"), 11, sessions=60, quotes=6)


def test_broken_rows_are_named_left_out_and_move_nothing(tape: Path, tmp_path: Path) -> None:
    """Each malformed row is named by file and line; messages and signals are those of the tape without them."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for source in tape.iterdir():
        (broken / source.name).write_bytes(source.read_bytes())
    spx = (broken / "SPX.csv").read_text().splitlines()
    first, second = spx[40].split(",")[0], spx[20].split(",")[0]
    bad = [
        f"{first},abc",
        f"{first},0",
        f"{first},-5",
        f"{first},nan",
        f"{first},inf",
        f"{second},3900.0",
        spx[40],
        "x",
        "",
    ]
    (broken / "SPX.csv").write_text("\n".join([*spx[:41], *bad, *spx[41:]]) + "\n")
    config = written(tmp_path)
    outs = []
    for source, name in ((tape, "good"), (broken, "bad")):
        done = alvh("replay", source, "--config", config, "--out", tmp_path / f"{name}.jsonl", "--all")
        alvh("signals", source, "--config", config, "--out", tmp_path / f"{name}.csv")
        outs.append(done.stderr.splitlines())
    assert (tmp_path / "good.jsonl").read_bytes() == (tmp_path / "bad.jsonl").read_bytes()
    assert (tmp_path / "good.csv").read_bytes() == (tmp_path / "bad.csv").read_bytes()
    assert len(outs[0]) == 1
    named = [line for line in outs[1] if "SPX.csv:" in line]
    lines = [int(line.split("SPX.csv:")[1].split(":")[0]) for line in named]
    assert lines == list(range(42, 42 + len([row for row in bad if row])))


def test_an_outlier_is_named_and_moves_nothing(tape: Path, tmp_path: Path) -> None:
    """A hundredfold price passes by."""
    folder = tmp_path / "outlier"
    folder.mkdir()
    for source in tape.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    rows = (folder / "RUT.csv").read_text().splitlines()
    stamp, price = rows[100].split(",")
    later = stamp.replace(":00Z", ":30Z")
    (folder / "RUT.csv").write_text("\n".join([*rows[:101], f"{later},{float(price) * 100:.2f}", *rows[101:]]) + "\n")
    config = written(tmp_path)
    outs = []
    for source, name in ((tape, "good"), (folder, "bad")):
        done = alvh("replay", source, "--config", config, "--out", tmp_path / f"{name}.jsonl", "--all")
        outs.append(done.stderr)
    assert (tmp_path / "good.jsonl").read_bytes() == (tmp_path / "bad.jsonl").read_bytes()
    assert "RUT" in outs[1]
    assert "jump" in outs[1]


@pytest.mark.parametrize("content", [None, {}, {"SPX.csv": ""}, {"SPX.csv": "date,close\n"}, {"notes.txt": "hello"}])
def test_no_tape_is_bad_input(tmp_path: Path, content: dict[str, str] | None) -> None:
    """A missing folder, an empty one, empty files: exit code 2 and one line that names it."""
    folder = tmp_path / "tape"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    for command in ("replay", "signals"):
        done = alvh(command, folder, "--out", tmp_path / "out", check=False)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith("alvh: ")
        assert str(folder) in last
        assert "Traceback" not in done.stderr
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

"""The configuration: defaults run, faults are named, secrets stay secret, the page says what the code says."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alvh.app.daemon import run
from alvh.errors import InputError
from alvh.settings import decision_document, document_hash, load
from alvh.settings_page import configuration_page, defaults_table

ROOT = Path(__file__).resolve().parent.parent

MINIMAL = """
feed: {kind: ib, host: 127.0.0.1, port: 4002, client_id: 17}
redis: {url: redis://localhost:6379/0}
mqtt: {url: mqtt://localhost:1883, topic_root: alvh}
portfolios:
  - id: core
    hedge: alvh
    small_caps: [{symbol: IWM, shares: 448}]
    condors:
      - {expiry: 2026-12-18, quantity: 4, credit: 10.10,
         short_put: 5650, long_put: 5600, short_call: 6275, long_call: 6325}
    methodology: {move3: {threshold: 0.03, confirm_quotes: 2}, timer: {soft: 5, hard: 10}}
"""


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "alvh.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_said_is_the_simulated_demo() -> None:
    """Every section may be left out."""
    settings = load(None)
    assert settings.instance == "main"
    assert (settings.feed.kind, settings.redis.url, settings.mqtt.url) == ("simulated", "embedded", "embedded")
    assert [portfolio.id for portfolio in settings.portfolios] == ["demo"]


def test_the_specification_s_own_example_is_read(tmp_path: Path) -> None:
    """Interfaces, section 5."""
    settings = load(written(tmp_path, MINIMAL))
    assert settings.portfolios[0].condors[0].trading_class == "SPXW"
    document = decision_document(settings)
    assert document["live"] is True
    assert document["portfolios"][0]["execution"] == "answers"
    assert decision_document(settings, feed_kind="tape")["portfolios"][0]["execution"] == "paper"


def test_empty_file_and_embedded_words(tmp_path: Path) -> None:
    """An empty file is the default; `embedded` may stand for a section."""
    assert load(written(tmp_path, "")) == load(None)
    assert load(written(tmp_path, "redis: embedded\nmqtt: embedded\n")) == load(None)


def test_defaults_are_those_of_the_methodology() -> None:
    """Section 11, value for value."""
    page = ROOT.parent / "shared" / "methodology.md"
    if not page.exists():
        pytest.skip("the specification does not lie beside the project; it does where the project is developed")
    text = page.read_text(encoding="utf-8").split("## 11. Default configuration")[1]
    section = text.split("```yaml")[1].split("```")[0]
    expected = yaml.load(section, Loader=yaml.BaseLoader)
    ours = load(None).portfolios[0].methodology.model_dump(mode="json", by_alias=True)
    assert _numbers(ours) == _numbers(expected)


def _numbers(value: Any) -> Any:  # noqa: ANN401 - any plain value
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def test_on_and_off_are_names(tmp_path: Path) -> None:
    """YAML 1.1 would take the thresholds `on` and `off` for truth values."""
    text = "portfolios: [{id: a, methodology: {bigtop: {on: 70, off: 40}, ivx: {off: 0.05}}}]"
    methodology = load(written(tmp_path, text)).portfolios[0].methodology
    assert (methodology.bigtop.on, methodology.bigtop.off, methodology.ivx.off) == (70.0, 40.0, 0.05)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("feed: {kind: tap}", "feed"),
        ("portfolios: []", "portfolios"),
        ("portfolios: [{id: a b}]", "portfolios.0.id"),
        ("portfolios: [{id: a}, {id: a}]", "portfolios"),
        ("portfolios: [{id: a, methodology: {timer: {sof: 4}}}]", "portfolios.0.methodology.timer.sof"),
        ("portfolios: [{id: a, methodology: {move3: {threshold: 0}}}]", "portfolios.0.methodology.move3.threshold"),
        ("portfolios: [{id: a, methodology: {timer: {hard: ten}}}]", "portfolios.0.methodology.timer.hard"),
        ("mqtt: {url: 'http://x'}", "mqtt.url"),
        ("redis: {url: 'localhost:6379'}", "redis.url"),
        ("redis: {durability: sometimes}", "redis.durability"),
        ("redis: {replicas: 1}", "replicas: expected durability waitaof"),
        ("mqtt: {allowed_by: [a/b]}", "mqtt.allowed_by.0"),
        ("http: {host: 0.0.0.0}", "http"),
        ("http: {host: 0.0.0.0, token: ''}", "http.token"),
        ("calendar: {early_closes: {2026-11-27: '25:00'}}", "calendar.early_closes.2026-11-27"),
        ("calendar: {hours: {2026-11-27: '13:00'}}", "calendar.hours.2026-11-27"),
        ("calendar: {hours: {2026-11-27: '13:00-12:00'}}", "calendar.hours.2026-11-27"),
        ("instanze: x", "instanze"),
        ("feed: {kind: tape}", "feed.tape.path"),
        ("- a\n- b", "expected a mapping"),
        ("a: [", "is not YAML"),
        ("\x00", "is not YAML"),
        (
            "portfolios: [{id: a, condors: [{expiry: 2026-12-18, quantity: 4, credit: 1, short_put: 5, long_put: 6,"
            " short_call: 7, long_call: 8}]}]",
            "long_put < short_put",
        ),
    ],
)
def test_faults_name_file_field_and_expectation(tmp_path: Path, text: str, named: str) -> None:
    """One line, and no traceback."""
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert named in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("methodology", "named"),
    [
        ("legs: {L1_dte: [20]}", "legs.L1_dte"),
        ("legs: {L1_dte: [45, 20, 30]}", "legs.L1_dte: expected [least, most, target]"),
        ("legs: {z: [2.0, 1.75, 1.5]}", "legs.z: expected rising numbers"),
        ("legs: {delta: 1}", "legs.delta"),
        ("scenario: {spx_vix: [0, 0, 0]}", "scenario.spx_vix: expected [intercept, slope, R2]"),
        ("scenario: {rvx_elast: 1000000}", "scenario.rvx_elast"),
        ("vxth: {bands: []}", "vxth.bands"),
        ("vxth: {weights: [0, 1]}", "vxth.weights"),
        ("edr: {source: [VIX, VIX]}", "edr.source: expected each once"),
        ("edr: {source: [VXN]}", "edr.source.0"),
        ("approvals: {phi_above: [0.6, 1.5]}", "approvals.phi_above: expected [share up to 1, whole number"),
        ("approvals: {FIN: -1}", "approvals.FIN"),
        ("design_vix: [7, 6, 5]", "design_vix: expected rising numbers"),
        ("macro: {before: -1}", "macro.before"),
        ("macd: {fast: 26}", "macd: expected fast < slow"),
        ("rsi: {vol_off: 71}", "rsi: expected vol_off <= vol_on"),
        ("ivx: {off: 0.3}", "ivx: expected off <= trigger"),
        ("bigtop: {off: 61}", "bigtop: expected off <= on"),
        ("roll_out: {default: 22}", "roll_out: expected min <= default <= max"),
        ("phi: {initial: 0}", "phi.initial"),
        ("beta: {w1: 2}", "beta.w1"),
        ("ladder: {L1: 0, L3a: 0, L3b: 0}", "ladder: expected contracts"),
        ("mix_confirmed: {L1: 0, L1b: 0, L2: 0, L3a: 0, L3b: 0}", "mix_confirmed: expected a share"),
    ],
)
def test_a_methodology_nothing_could_be_sized_by_is_refused(tmp_path: Path, methodology: str, named: str) -> None:
    path = written(tmp_path, f"portfolios:\n  - {{id: core, methodology: {{{methodology}}}}}\n")
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: portfolios.0.methodology.{named}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or a folder."""
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(InputError, match=str(path)):
            load(path)


def test_secrets_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when printed, not in an error, not in the log's configuration; by environment or file."""
    (tmp_path / "secret").write_text("hunter2\nsecond line\n", encoding="utf-8")
    text = (
        f"redis: {{url: 'redis://h', password: hunter2}}\nmqtt: {{url: 'mqtt://h', password_file: {tmp_path}/secret}}\n"
    )
    settings = load(written(tmp_path, text))
    assert (settings.redis.secret(), settings.mqtt.secret()) == ("hunter2", "hunter2")
    shown = settings.model_dump_json() + repr(settings) + json.dumps(decision_document(settings))
    assert "hunter2" not in shown
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, "mqtt: {password: [hunter2]}"))
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("ALVH_MQTT__PASSWORD", "swordfish")
    assert load(written(tmp_path, text)).mqtt.secret() == "swordfish"


@pytest.mark.parametrize(
    "url",
    ["redis://h:1/2", "unix:///run/r.sock", "redis+sentinel://a:1,b:2/mine/0", "rediss+cluster://a:1,b:2", "embedded"],
)
def test_every_kind_of_redis_may_be_configured(tmp_path: Path, url: str) -> None:
    """One node, Sentinel, a cluster, with and without TLS."""
    assert load(written(tmp_path, f"redis: {{url: '{url}', durability: waitaof, replicas: 2}}")).redis.url == url


@pytest.mark.parametrize(
    "text",
    [
        "redis: {url: 'http://:hunter2@h'}",
        "redis: {url: 'redis://[:hunter2@h'}",
        "redis: {url: 'redis://:hunter2℀@h'}",
        "redis: 'redis://me:hunter2@h/0'",
        "mqtt: {url: 'http://me:hun/ter2@h'}",
        "mqtt: {pasword: hunter2}",
        "http: {host: 0.0.0.0, tokn: hunter2}",
        "redis: {sentinel_password: {a: hunter2}}",
        "mqtt: {password: 'hunter2}",
        "mqtt: {password: hunter2: x}",
    ],
)
def test_no_fault_shows_a_secret(tmp_path: Path, text: str) -> None:
    """Not in a URL, not under a misspelt name, not in the line a parser would quote."""
    with pytest.raises(InputError) as caught:
        load(written(tmp_path, text))
    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_a_section_in_the_environment_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not shown."""
    monkeypatch.setenv("ALVH_REDIS", '{"password": "hunter2')
    with pytest.raises(InputError, match="redis") as caught:
        load(None)
    assert "hunter2" not in str(caught.value)


def test_a_password_in_a_url_is_not_printed(tmp_path: Path) -> None:
    """`alvh check` prints the whole configuration."""
    urls = ("redis: {url: 'redis://me:hunter2@h/0'}", "mqtt: {url: 'mqtts://me:hun/ter2@h'}")
    settings = load(written(tmp_path, "\n".join(urls)))
    shown = settings.model_dump_json()
    assert "ter2" not in shown
    assert "redis://***@h/0" in shown
    assert settings.redis.url == "redis://me:hunter2@h/0"


@pytest.mark.parametrize("section", ["redis: {password_file: x}", "mqtt: {password_file: x}", "http: {token_file: x}"])
def test_a_secret_that_cannot_be_read_ends_the_start(tmp_path: Path, section: str) -> None:
    """Before anything is started, and an empty file is none."""
    path = tmp_path / "secret"
    config = written(tmp_path, section.replace("file: x", f"file: {path}"))
    for content in (None, b"", b"\n", b"\xff\xfe"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match="secret"):
            run(config)


def test_the_hash_follows_decisions_alone(tmp_path: Path) -> None:
    """Addresses do not change it, numbers of the methodology do."""
    base = decision_document(load(written(tmp_path, MINIMAL)))
    moved = decision_document(load(written(tmp_path, MINIMAL.replace("localhost", "elsewhere"))))
    changed = decision_document(load(written(tmp_path, MINIMAL.replace("0.03", "0.04"))))
    assert document_hash(base) == document_hash(moved) != document_hash(changed)


def test_environment_reaches_nested_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ALVH_SECTION__FIELD` wins over the file."""
    monkeypatch.setenv("ALVH_HTTP__PORT", "9191")
    monkeypatch.setenv("ALVH_INSTANCE", "other")
    settings = load(None)
    assert (settings.http.port, settings.instance) == (9191, "other")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)
SECTIONS = st.sampled_from(["instance", "feed", "redis", "mqtt", "http", "calendar", "portfolios", "rates", "var", "x"])


@given(st.dictionaries(SECTIONS, PLAIN, max_size=4))
def test_any_document_is_read_or_refused(document: dict[str, object]) -> None:
    """No input crashes the reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), yaml.safe_dump(document))
        with suppress(InputError):
            load(path)


def test_the_page_says_what_the_code_says() -> None:
    """docs/configuration.md is generated by `configuration_page`."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == configuration_page()


def test_every_default_stands_with_its_provenance() -> None:
    """The last section of docs/methodology.md is generated by `defaults_table`; no number is without a source."""
    table = defaults_table()
    assert (ROOT / "docs" / "methodology.md").read_text(encoding="utf-8").endswith("\n\n" + table)
    assert [row for row in table.splitlines() if row.rstrip(" |").endswith("|")] == []

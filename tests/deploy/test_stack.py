"""The composition used: every query gives data, every rule is evaluated, alerts arrive, rights hold, numbers agree."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import redis as client
import yaml
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from prometheus_client.parser import text_string_to_metric_families as parse_text

from alvh.adapters.prometheus import DEFINITIONS
from deploy.stack import DEPLOY, Stack, stack, until
from monitoring.__main__ import files
from monitoring.alerts import ALERTS, Alert
from monitoring.panels import METRICS, plain
from monitoring.recorded import records
from servers import free_port, program

ROOT = DEPLOY.parent
SELECTOR = re.compile(r"(?<![\w:])((?:alvh_|job:|up\b)[\w:]*(?:\{[^}]*\})?)")


@pytest.fixture(scope="module")
def whole() -> Iterator[Stack]:
    with stack() as made:
        assert until(lambda: "alvh_ready 1.0" in _text(made)), made.daemon.log.read_text()
        assert until(lambda: bool(made.page("/api/adjustments"))), made.daemon.log.read_text()
        # As many scrapes as a rate needs.
        assert until(lambda: len(made.found('count_over_time(alvh_ready{job="alvh"}[1m]) > 10')) == 1)
        yield made


def _text(made: Stack) -> str:
    try:
        return str(made.page("/metrics"))
    except OSError:
        return ""


def _dashboard_queries() -> list[tuple[str, str]]:
    found = []
    for place, text in files().items():
        if place.endswith(".json"):
            board = json.loads(text)
            for panel in board["panels"]:
                found += [(f"{place}: {panel['title']}", target["expr"]) for target in panel.get("targets", ())]
            found += [(f"{place}: {each['name']}", each["query"]["query"]) for each in board["templating"]["list"]]
    return found


def _of_demo(expr: str) -> str:
    """A query as Grafana would send it; a variable's label_values(series, label) asks for its series."""
    expr = re.sub(r"^label_values\((.*), \w+\)$", r"\1", expr)
    return expr.replace("$job", "alvh").replace("$portfolio", "demo").replace("$__rate_interval", "10s")


def test_every_query_of_every_dashboard_gives_data(whole: Stack) -> None:
    empty = [(where, expr) for where, expr in _dashboard_queries() if not _gives(whole, _before_any(_of_demo(expr)))]
    assert not empty


def _before_any(expr: str) -> str:
    """A query that shows nothing until a day was archived, as one that is answered before: no day ends in this test."""
    return expr.replace(" > 0", " >= 0") if "archive" in expr else expr


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_without_a_place_of_its_own_would_be_shown(whole: Stack, name: str) -> None:
    assert _gives(whole, _of_demo(plain(name).queries[0].expr))


def _gives(whole: Stack, expr: str) -> bool:
    return until(lambda: bool(whole.found(expr)), 30)


def test_annotations_of_dashboards_are_accepted(whole: Stack) -> None:
    for place, text in files().items():
        if place.endswith(".json"):
            for annotation in json.loads(text)["annotations"]["list"]:
                assert whole.found(f"({_of_demo(annotation['expr'])}) or vector(1)")


def test_every_rule_is_evaluated_without_error(whole: Stack) -> None:
    groups = whole.prometheus("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == {*(each.name for each in records()), *(each.name for each in ALERTS)}
    assert until(lambda: all(group["lastEvaluation"] > "0002" for group in whole.prometheus("rules")["groups"]))
    after = [rule for group in whole.prometheus("rules")["groups"] for rule in group["rules"]]
    assert not [rule["name"] for rule in after if rule["health"] != "ok"]


@pytest.mark.parametrize("name", sorted(each.name for each in records()))
def test_every_recorded_series_has_data(whole: Stack, name: str) -> None:
    assert _gives(whole, name)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_series_an_alert_looks_at_is_there(whole: Stack, alert: Alert) -> None:
    """A healthy daemon makes no alert's query give anything; what it compares must be there all the same."""
    for selector in SELECTOR.findall(alert.expr):
        if alert.name == "AlvhFeedStale" and "IWM" in selector:
            continue  # one of the two is watched; below
        assert _gives(whole, selector), selector
    assert whole.found(f"({alert.expr}) ^ 0 or vector(1)")


def test_the_small_cap_that_is_watched_has_quotes(whole: Stack) -> None:
    assert _gives(whole, 'job:alvh_live_quote_timestamp_seconds:held{instrument=~"RUT|IWM"} > 0')


def test_a_healthy_instance_is_all_but_silent(whole: Stack) -> None:
    """The simulator's answers are not given, so that one alert may come with time; the watchdog always does."""
    firing = {
        alert["labels"]["alertname"] for alert in whole.prometheus("alerts")["alerts"] if alert["state"] == "firing"
    }
    may = {"AlvhWatchdog", "AlvhAdjustmentUnanswered", "AlvhAdjustmentLapsing", "AlvhPhaseChanged", "AlvhRebalanceDue"}
    may |= {"AlvhMoveNear", "AlvhCapBreached"}
    assert "AlvhWatchdog" in firing
    assert firing <= may


def test_the_watchdog_reaches_alertmanager(whole: Stack) -> None:
    try:
        whole.alertmanager("status")
    except OSError:
        pytest.skip("no alertmanager is installed")

    def names() -> set[str]:
        return {alert["labels"]["alertname"] for alert in whole.alertmanager("alerts")}

    assert until(lambda: "AlvhWatchdog" in names())


def test_an_adjustment_can_be_found_by_the_exemplar_of_its_count(whole: Stack) -> None:
    def ids() -> set[str]:
        now = time.time()
        span = {"start": f"{now - 600:.0f}", "end": f"{now + 60:.0f}"}
        found = whole.prometheus("query_exemplars", query="alvh_adjustments_total", **span)
        return {each["labels"]["event_id"] for series in found for each in series["exemplars"]}

    assert until(lambda: bool(ids()))
    known = {message["id"] for message in whole.page("/api/adjustments?limit=500")}
    assert ids() & known


def test_what_is_documented_is_what_a_running_daemon_serves(whole: Stack) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(alvh_\w+)` \| (\w+) \|", page, re.MULTILINE))
    families = [family for family in parse_text(_text(whole)) if family.name.startswith("alvh_")]
    served = {f"{family.name}_total" if family.type == "counter" else family.name: family.type for family in families}
    assert served == documented == {each.name: each.kind for each in DEFINITIONS}


def test_numbers_are_those_of_the_page(whole: Stack) -> None:
    """Sessions are short and gauges a second old, so that a number must be one the page has just shown."""
    assert until(lambda: _disagreement(whole) == []), _disagreement(whole)


def _disagreement(whole: Stack) -> list[str]:
    shown = []
    ends = time.monotonic() + 3.0
    while time.monotonic() < ends:
        signals = {f"signal_value{{{each['id']}}}": each["value"] for each in whole.page("/api/signals")["signals"]}
        shown.append({**_shown(whole.page("/api/portfolios/demo")), **signals})
        time.sleep(0.02)
    values = _values(_text(whole))
    wrong = [] if any(name.startswith("signal_value") for name in shown[0]) else ["no signal is shown"]
    for name in shown[0]:
        seen = [value for each in shown if (value := each.get(name)) is not None]
        served = values[f"alvh_{name}"]
        if name.startswith("index_move_ratio"):  # the page may have skipped a quote
            is_wrong = bool(seen) and not min(seen) <= served <= max(seen)
        else:
            is_wrong = bool(seen) and not any(served == pytest.approx(each) for each in seen)
        wrong += [f"{name}: {served} for {sorted(set(seen))}"] if is_wrong else []
    wrong += [name for name, value in _STEADY.items() if values[f"alvh_{name}"] != value]
    fresh = time.time() - 30
    stamps = ("commit", "publish", "heartbeat", "clock")
    wrong += [name for name in stamps if values[f"alvh_{name}_timestamp_seconds"] < fresh]
    counted = ("quotes_total{SPX,simulated}", "committed_events_total", "commit_seconds_count", "folded_events")
    return wrong + [name for name in (*counted, "leader_epoch") if values[f"alvh_{name}"] <= 0]


_STEADY = {
    "leader": 1.0,
    "redis_connected": 1.0,
    "mqtt_connected": 1.0,
    "feed_connected": 1.0,
    "simulated": 1.0,
    "answers_expected{demo}": 1.0,
    "duty_start_timestamp_seconds": 0.0,
}


def _shown(page: Any) -> dict[str, float | None]:  # noqa: ANN401 - any JSON
    """What the page says, under the names and labels of the metrics."""
    newest = page["newest"]["data"]
    phases = {f"phase{{{phase},demo}}": float(phase == page["phase"]) for phase in ("OFF", "STANDBY", "INITIAL")}
    moves = {f"index_move_ratio{{{move['index']},demo}}": move["move_ratio"] for move in page["moves"]}
    return {
        **phases,
        **moves,
        "sessions_since_rebalance{demo}": float(page["sessions_since_rebalance"]),
        "unanswered_adjustments{demo}": float(page["unanswered"]),
        "move_threshold_ratio{demo}": page["threshold"],
        "hedge_cost_ratio{demo}": None if newest["hc_pct"] is None else newest["hc_pct"] / 100.0,
        "hedge_offset_ratio{6,demo}": newest["offset6"],
        "hedge_offset_ratio{20,demo}": newest["offset20"],
    }


def _values(text: str) -> dict[str, float]:
    found = {}
    for family in parse_text(text):
        for sample in family.samples:
            labels = ",".join(sorted(sample.labels.values()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# Who may do what


class Person:
    """A client of the broker under one of the four users; keeps what it gets and what it is told."""

    def __init__(self, whole: Stack, user: str, *topics: str) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.granted: list[bool] = []
        self._topics = topics
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(user, whole.secrets[f"mqtt_{user}"])
        self._client.on_message = lambda _c, _u, message: self.got.append((message.topic, bytes(message.payload)))
        self._client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.extend(
            not code.is_failure for code in codes
        )
        self._client.on_connect = self._ask
        self._client.connect("127.0.0.1", whole.mqtt_port)
        self._client.loop_start()

    def _ask(self, *_: Any) -> None:  # noqa: ANN401 - the library's arguments
        for topic in self._topics:
            self._client.subscribe(topic, qos=1)

    def say(self, topic: str, body: bytes) -> None:
        self._client.publish(topic, body, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def people(whole: Stack) -> Iterator[dict[str, Person]]:
    topics = {"alvh": ["alvh/#"], "subscriber": ["alvh/#"], "answerer": ["alvh/#"], "observer": ["alvh/#"]}
    made = {user: Person(whole, user, *wanted) for user, wanted in topics.items()}
    assert until(lambda: all(person.granted for person in made.values()), 20)
    yield made
    for person in made.values():
        person.close()


def test_each_user_may_do_its_own_and_no_more(people: dict[str, Person]) -> None:
    root = "alvh/main/portfolio/demo"
    topics = [f"{root}/{kind}" for kind in ("adjustment", "target", "answer")]
    topics += ["alvh/main/signals", "alvh/main/status", "alvh/main/observation/test"]
    for user in ("subscriber", "answerer", "observer"):
        for topic in topics:
            people[user].say(topic, f"forged by {user}".encode())
    people["alvh"].say(f"{root}/mark", b"the end")
    assert until(lambda: (f"{root}/mark", b"the end") in people["alvh"].got, 20)
    forged = {(topic, body.decode()) for topic, body in people["alvh"].got if body.startswith(b"forged")}
    assert forged == {
        (f"{root}/answer", "forged by answerer"),
        ("alvh/main/observation/test", "forged by observer"),
    }
    assert until(lambda: any(topic.endswith("/adjustment") for topic, _ in people["subscriber"].got))
    assert {topic.rsplit("/", 1)[1] for topic, _ in people["subscriber"].got} <= {
        "status", "signals", "adjustment", "target",
    }  # fmt: skip
    assert not people["answerer"].got
    assert not people["observer"].got


def test_an_answer_of_the_answerer_counts(whole: Stack, people: dict[str, Person]) -> None:
    def answered() -> bool:
        view = whole.page("/api/portfolios/demo")
        for event_id in view["open"]:
            said = {"event_id": event_id, "decision": "accept", "by": "test"}
            people["answerer"].say("alvh/main/portfolio/demo/answer", json.dumps(said).encode())
        return any(given for given in view["answers"].values())

    assert until(answered)


def test_nobody_enters_without_a_password(whole: Stack) -> None:
    codes: list[Any] = []
    stranger = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    stranger.on_connect = lambda _c, _u, _f, code, _p: codes.append(code)
    stranger.connect("127.0.0.1", whole.mqtt_port)
    stranger.loop_start()
    assert until(lambda: bool(codes), 20)
    stranger.loop_stop()
    assert codes[0].is_failure
    with client.Redis(port=whole.redis_port) as log, pytest.raises(client.AuthenticationError):
        log.ping()


@pytest.mark.parametrize(("service", "client"), [("redis", "redis-cli"), ("mosquitto", "mosquitto_sub")])
def test_the_health_checks_of_the_composition_tell_life_from_death(whole: Stack, service: str, client: str) -> None:
    program(client)
    (*_, check) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][service]["healthcheck"]["test"]
    port = whole.redis_port if service == "redis" else whole.mqtt_port
    asked = check.replace("$$", "$").replace("/run/secrets", str(whole.folder / "secrets"))
    for at, healthy in ((port, True), (free_port(), False)):
        command = asked.replace(client, f"{client} -p {at}").replace(
            "-t alvh/healthcheck", "-h 127.0.0.1 -t alvh/healthcheck"
        )
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=20, check=False)
        assert (done.returncode == 0) is healthy, done.stderr


def test_redis_forgets_nothing(whole: Stack) -> None:
    with client.Redis(port=whole.redis_port, password=whole.secrets["redis_password"], decode_responses=True) as log:
        kept: Any = log.config_get("*")
        assert kept["appendonly"] == "yes"
        assert kept["appendfsync"] == "always"
        assert kept["maxmemory-policy"] == "noeviction"
        assert kept["save"] == ""


def test_no_secret_is_in_a_log(whole: Stack) -> None:
    said = whole.daemon.log.read_text(encoding="utf-8")
    assert not [name for name, secret in whole.secrets.items() if secret in said]
    assert Path(whole.daemon.log).stat().st_size > 0

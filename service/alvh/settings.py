"""Every knob of the service, typed, with its unit, its default and where the default comes from.

The file is YAML. Whatever it leaves out has its default; an environment variable `ALVH_SECTION__FIELD` wins over the
file, and a secret may also stand in a file of its own (`password_file`). What bears on decisions goes into the log as
`decision_document`; the rest (addresses, secrets) never does.
"""

import hashlib
import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from alvh.core.hedge import stress
from alvh.errors import InputError
from alvh.settings_book import CondorProgram, Condors, Fees, HeldLegs, Rates, SmallCap
from alvh.settings_faults import explain, explain_yaml
from alvh.settings_feeds import Feed, IbFeed, SimulatedFeed
from alvh.settings_methodology import Knobs, Methodology
from alvh.settings_servers import EMBEDDED, Http, Mqtt, Redis

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


def _time_of_day(text: str) -> str:
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise ValueError("expected a time of day as HH:MM")
    return text


def _hours(text: str) -> str:
    first, _, last = text.partition("-")
    if not first or not last or not _time_of_day(first).zfill(5) < _time_of_day(last).zfill(5):
        raise ValueError("expected HH:MM-HH:MM, rising")
    return text


class CalendarSettings(Knobs):
    """Trading sessions: the exchange's, with what it did not know."""

    exchange: str = Field(default="XNYS", description="code of exchange_calendars")
    closed: list[date] = Field(default=[], description="days without a session after all")
    early_closes: dict[date, Annotated[str, AfterValidator(_time_of_day)]] = Field(
        default={}, description="date: close in exchange time, e.g. 13:00"
    )
    extra_sessions: list[date] = Field(default=[], description="days with a regular session after all")
    hours: dict[date, Annotated[str, AfterValidator(_hours)]] = Field(
        default={}, description="date: its session in exchange time whatever the exchange says, e.g. 09:45-13:00"
    )
    releases: list[Path] = Field(default=[], description="CSV or ICS files of CPI, PPI and FOMC dates")


class Portfolio(Knobs):
    """One book and how its hedge is decided."""

    id: Identifier
    hedge: Literal["alvh", "none"] = Field(default="alvh", description="alvh, or none: triggers alone")
    enabled: bool = Field(default=True, description="false: kill switch, the hedge goes OFF")
    from_account: str | None = Field(default=None, description="read condors, hedge and shares from this account")
    small_caps: list[SmallCap] = Field(default=[], description="small caps held beside the condors")
    hedge_small_caps: bool = Field(
        default=False, description="in a strict scope: offset the small caps' loss too, inside the same cap (vector C2)"
    )
    condors: Condors = Field(default=[], description="condors held")
    condor_program: CondorProgram | None = None
    legs: HeldLegs = Field(default=[], description="hedge legs held at the start")
    execution: Literal["paper", "answers"] | None = Field(
        default=None, description="how held legs follow adjustments; default: paper, answers on a live feed"
    )
    hold_new_above: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="VIX above which no new condor is opened (S44, 3.7 HOLD_NEW), points"
    )
    approvals_required: bool = Field(default=False, description="every adjustment waits for an answer")
    hedge_instrument: Literal["alvh", "iwm_put", "mix"] = Field(
        default="alvh",
        description="what covers the small caps (6.3): the VIX hedge, IWM puts, or each of them half; condors are "
        "always the VIX hedge's",
    )
    methodology: Methodology = Methodology()

    @model_validator(mode="after")
    def _has_what_puts_cover(self) -> Self:
        if self.hedge_instrument != "alvh" and not self.small_caps and not self.from_account:
            raise ValueError(f"expected small_caps beside hedge_instrument: {self.hedge_instrument}")
        if self.hedge_instrument == "iwm_put" and self.hedge_small_caps:
            raise ValueError("expected hedge_small_caps: false beside hedge_instrument: iwm_put, which covers them")
        return self


def _demo() -> list[Portfolio]:
    return [Portfolio(id="demo", small_caps=[SmallCap(shares=448)], condor_program=CondorProgram())]


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="ALVH_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    instance: Identifier = Field(default="main", description="names topics and keys; one leader per instance")
    var: Path = Field(default=Path("var"), description="folder of the embedded servers")
    feed: Feed = SimulatedFeed(kind="simulated")
    redis: Redis = Redis()
    mqtt: Mqtt = Mqtt()
    http: Http = Http()
    calendar: CalendarSettings = CalendarSettings()
    rates: Rates = Rates()
    fees: Fees = Fees()
    stress: Path | None = Field(default=None, description="CSV of stress cases (S48); default: those of the package")
    history_days: int = Field(
        default=30,
        ge=1,
        le=36_500,
        description="days of the market's time the log is kept in Redis; what is older goes behind the archive",
    )
    archive: Path | None = Field(
        default=None,
        description="folder of the daily archive; default: <var>/<instance>/archive for ib, none for others (then a "
        "tape's log is kept whole in Redis, a simulated market's goes unkept)",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    portfolios: Annotated[list[Portfolio], Field(min_length=1)] = Field(default_factory=_demo)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings

    @field_validator("redis", "mqtt", mode="before")
    @classmethod
    def _embedded(cls, value: object) -> object:
        return {"url": EMBEDDED} if value == EMBEDDED else value

    @field_validator("portfolios")
    @classmethod
    def _distinct(cls, portfolios: list[Portfolio]) -> list[Portfolio]:
        names = [portfolio.id for portfolio in portfolios]
        if len(set(names)) < len(names):
            raise ValueError("expected a different id for each portfolio")
        jumps = {portfolio.methodology.move3.max_jump for portfolio in portfolios}
        if len(jumps) > 1:
            # A quote is judged once for all of them.
            raise ValueError("expected the same methodology.move3.max_jump for all portfolios of an instance")
        return portfolios


class _Loader(yaml.SafeLoader):
    """YAML with the booleans of version 1.2 (`on` and `off` are names, not truth values), and no name given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; two values of one name would leave unsaid which of them counts."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands twice in one mapping", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(path: Path | None) -> Settings:
    """Read and validate a configuration file; None is the default configuration.

    Raises:
        InputError: the file cannot be read or says something unexpected; names the file, the field and what was
            expected.
    """
    document = {} if path is None else read_mapping(path)
    try:
        return Settings(**document)
    except ValidationError as error:
        raise InputError(explain("configuration" if path is None else str(path), error)) from error
    except SettingsError as error:  # a section in the environment that is no JSON; names the section
        raise InputError(f"environment: {error}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping a YAML file holds; an empty file holds an empty one.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not YAML: {explain_yaml(error)}") from error
    document = {} if document is None else document
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise InputError(f"{path}: expected a mapping of sections, got {type(document).__name__}")
    return document


def is_live(feed: BaseModel) -> bool:
    """Whether a feed brings quotes of the real market as they happen."""
    return isinstance(feed, IbFeed)


def decision_document(settings: Settings, *, feed_kind: str | None = None) -> dict[str, Any]:
    """Return what bears on decisions, as plain JSON values; it becomes the log's Configuration event.

    Args:
        settings: the configuration.
        feed_kind: where events really come from (a replay's tape), if not the configured feed.
    """
    feed = settings.feed
    kind = feed_kind or feed.kind
    live = kind == "ib"
    portfolios = []
    for portfolio in settings.portfolios:
        plain = portfolio.model_dump(mode="json", by_alias=True)
        plain["execution"] = portfolio.execution or ("answers" if live else "paper")
        portfolios.append(plain)
    ib = feed if isinstance(feed, IbFeed) else IbFeed(kind="ib")
    return {
        "instance": settings.instance,
        "feed": kind,
        "live": live,
        "stale_after_s": ib.stale_after_s if live else None,
        "close_delay_s": ib.close_delay_s if live else 0.0,
        "rates": settings.rates.model_dump(mode="json"),
        "fees": settings.fees.model_dump(mode="json"),
        "portfolios": portfolios,
        "stress": _stress_rows(settings.stress),
    }


def _stress_rows(path: Path | None) -> list[dict[str, Any]]:
    """Return the stress library as plain rows.

    Raises:
        InputError: it cannot be read, or says something unexpected.
    """
    file = path or Path(stress.__file__).with_name("stress.csv")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    return [case.as_plain() for case in stress.read_library(text, str(file))]


def document_hash(document: dict[str, Any]) -> str:
    """Return sha256 over the canonical JSON of a decision document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

"""Settings: what an operator says in `LAUREL_…` variables, checked at once, with secrets that never show."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "LAUREL_"

# What our own tests are told by.
_NO_SETTINGS: Final = frozenset(["LAUREL_REQUIRE"])
# What Kubernetes sets in every pod for a Service whose name begins with `laurel`.
_SERVICE_LINK: Final = re.compile(
    r"LAUREL_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


_SECURITIES: Final = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
_SSL_FILES: Final = ("broker_ca_file", "broker_certificate_file", "broker_key_file")
# Defaults that the caller of `read_settings` gives.
_GIVEN_DEFAULTS: Final = {"worker_name": "the host's name", "log_format": "json; console at a terminal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFault:
    """One thing that is wrong with the settings. It holds no value: a value may be a secret."""

    variable: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.variable} {self.problem} {self.cure}"


class SettingsFaults(ValueError):  # noqa: N818 - outcomes are named for what happened
    """Settings are refused, with everything that is wrong with them."""

    def __init__(self, faults: Iterable[SettingFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def _refusal(problem: str, cure: str) -> PydanticCustomError:
    return PydanticCustomError("refusal", "{problem} {cure}", {"problem": problem, "cure": cure})


def _addresses(text: str) -> str:
    for address in text.split(","):
        found = re.fullmatch(r"\s*([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})\s*", address)
        if not found or not 0 < int(found[2]) < 65_536:
            raise _refusal("is not a list of brokers.", "Write host:port, several with commas between them.")
    return ",".join(address.strip() for address in text.split(","))


def _postgres(secret: SecretStr) -> SecretStr:
    try:
        address = urlsplit(secret.get_secret_value())
        is_postgres = address.scheme in {"postgres", "postgresql"} and (address.port or 1) > 0
    except ValueError:
        is_postgres = False
    if not is_postgres:
        raise _refusal(
            "is not the address of a PostgreSQL database.",
            "Write postgresql://user:password@host:5432/database, with / : @ % in the password percent-encoded.",
        )
    return secret


def _worker(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        cure = "Write letters, digits, dots, dashes and underscores, at most 100; it names a directory."
        raise _refusal("is not a name that a directory can have.", cure)
    return text


def _app(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        cure = "Write a to z, 0 to 9 and dashes, at most 64; it names groups and transactions."
        raise _refusal("is not an application's name.", cure)
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise _refusal("is not an address to listen on.", "Write 127.0.0.1, or 0.0.0.0 for all interfaces.")
    return text


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise _refusal("names a file that is not there.", "Write the path of a file that this user can read.")
    return path


_File = Annotated[Path, AfterValidator(_readable)]


class Settings(BaseSettings):
    """What an operator says. `read_settings` is how it is made: the environment is given, never taken."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    broker: Annotated[str, AfterValidator(_addresses)] = Field(
        default="localhost:9092", description="The Kafka brokers: `host:port`, several with commas between them"
    )
    broker_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", description="How brokers are reached: `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`"
    )
    broker_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="With SASL: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`"
    )
    broker_username: str | None = Field(default=None, min_length=1, description="With SASL: the user")
    broker_password: SecretStr | None = Field(default=None, min_length=1, description="With SASL: the password. Secret")
    broker_ca_file: _File | None = Field(
        default=None, description="With SSL: the authority that brokers are trusted by (PEM); the system's, if not set"
    )
    broker_certificate_file: _File | None = Field(
        default=None, description="With SSL: our own certificate (PEM), where brokers ask for one"
    )
    broker_key_file: _File | None = Field(default=None, description="With SSL: the key of our own certificate (PEM)")
    database: Annotated[SecretStr, AfterValidator(_postgres)] | None = Field(
        default=None, description="The PostgreSQL database: `postgresql://user:password@host:5432/database`. Secret"
    )
    config: Path | None = Field(default=None, description="The configuration file: sources and tenants")
    data_dir: Path = Field(default=Path(".state"), description="The directory for local state (RocksDB)")
    worker_name: Annotated[str, AfterValidator(_worker)] = Field(
        default="worker", description="The name of this worker; its state lies under it"
    )
    app_id: Annotated[str, AfterValidator(_app)] = Field(
        default="laurel", description="What all workers of one installation share: it names groups and transactions"
    )
    partitions: int = Field(
        default=4, ge=1, le=1024, description="Partitions of our own topics; never changed afterwards"
    )
    http_host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1", description="Where metrics and health are served; `0.0.0.0` in a container"
    )
    http_port: int = Field(default=8420, ge=1, le=65_535, description="The port of metrics and health")
    log_format: Literal["console", "json"] = Field(
        default="json", description="`console` for people, `json` for machines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged: `debug`, `info`, `warning` or `error`"
    )
    batch_max_records: int = Field(default=16_000, ge=1, le=100_000, description="The most records in one transaction")
    walk_learners: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="How many learners are judged again between two batches, after a change of catalogue or course",
    )
    batch_max_seconds: float = Field(
        default=2.0,
        ge=0.01,
        le=8,
        allow_inf_nan=False,
        description="The longest that a batch is folded before it is committed",
    )
    batch_max_bytes: int = Field(
        default=16 << 20, ge=1 << 16, le=256 << 20, description="The most bytes of records in one transaction"
    )
    standbys: int = Field(
        default=1, ge=0, le=8, description="How many other workers keep a warm copy of each partition's state"
    )
    recovery_limit_seconds: int = Field(
        default=120, ge=10, le=3600, description="How long recovery may stand still before the worker ends"
    )
    commit_limit_seconds: int = Field(
        default=120, ge=10, le=3600, description="How old a commit may be, with records waiting, before the worker ends"
    )
    hang_limit_seconds: int = Field(
        default=30, ge=5, le=3600, description="How long the worker may not answer before it ends"
    )
    embedded: bool = Field(
        default=False,
        description="Internal: the broker is the embedded one, which neither isolates nor fences transactions",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: nothing in the process's environment can slip in."""
        return (init_settings,)


class Row(NamedTuple):
    """One setting, as documentation shows it."""

    variable: str
    default: str
    description: str


def read_settings(environ: Mapping[str, str], *, host_name: str = "", is_terminal: bool = False) -> Settings:
    """
    Read the settings from an environment. Raises SettingsFaults with every fault at once.

    A variable that is set to nothing counts as not set. `host_name` and `is_terminal` give the defaults of the
    worker's name and of the log's format.
    """
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    known = {variable(name): name for name in Settings.model_fields}
    faults = [_unknown(name, known) for name in ours if name not in known and not _is_foreign(name, ours[name])]
    values = {known[name]: _normal(known[name], value) for name, value in ours.items() if name in known}
    faults += _contradictions(values)
    defaults: dict[str, Any] = {"log_format": "console"} if is_terminal else {}
    if worker := _as_worker(host_name):
        defaults["worker_name"] = worker
    try:
        settings = Settings(**(defaults | values))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise SettingsFaults([*[_fault(detail) for detail in details], *faults]) from None
    if faults:
        raise SettingsFaults(faults)
    return settings


def describe_settings() -> list[Row]:
    """Every setting, its default, and what it is."""
    return [
        Row(variable(name), _GIVEN_DEFAULTS.get(name) or _shown(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def unset(name: str) -> SettingsFaults:
    """What to raise where a command needs a setting that has no default."""
    description = Settings.model_fields[name].description
    return SettingsFaults(
        [SettingFault(variable=variable(name), problem="is not set.", cure=f"Set it: {description}.")]
    )


def variable(name: str) -> str:
    """The variable of a field."""
    return f"{PREFIX}{name.upper()}"


def _shown(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _normal(name: str, value: str) -> str:
    """Words of closed sets are understood however they are capitalised."""
    if name in {"broker_security", "log_format", "log_level"}:
        return value.lower()
    return value.upper() if name == "broker_sasl_mechanism" else value


def _as_worker(host_name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", host_name).strip("-._")[:100]


def _is_foreign(name: str, value: str) -> bool:
    is_port = name.endswith("_PORT") and re.match(r"(tcp|udp|sctp)://", value) is not None
    return name in _NO_SETTINGS or is_port or _SERVICE_LINK.fullmatch(name) is not None


def _unknown(name: str, known: Mapping[str, str]) -> SettingFault:
    closest = get_close_matches(name[:100], known, n=1, cutoff=0.75)
    cure = f"Did you mean {closest[0]}?" if closest else "Remove it; `docs/settings.md` lists those there are."
    return SettingFault(variable=name, problem="is not a setting.", cure=cure)


def _fault(detail: ErrorDetails) -> SettingFault:
    name = str(detail["loc"][0])
    context = detail.get("ctx", {})
    problem, cure = f"is not right: {detail['msg']}.", f"It is: {Settings.model_fields[name].description}."
    match detail["type"]:
        case "refusal":
            problem, cure = context["problem"], context["cure"]
        case "literal_error":
            choices = str(context["expected"]).replace("'", "")
            problem, cure = "is not one of its words.", f"Write {choices}."
        case "int_parsing" | "int_from_float" | "int_parsing_size":
            problem, cure = "is not a whole number.", f"Write one such as {Settings.model_fields[name].default}."
        case "float_parsing" | "finite_number":
            problem, cure = "is not a number.", f"Write one such as {Settings.model_fields[name].default}."
        case "bool_parsing":
            problem, cure = "is neither true nor false.", "Write true or false."
        case "greater_than_equal":
            problem, cure = "is too small.", f"Write at least {context['ge']}."
        case "less_than_equal":
            problem, cure = "is too large.", f"Write at most {context['le']}."
    return SettingFault(variable=variable(name), problem=problem, cure=cure)


def _contradictions(values: Mapping[str, str]) -> list[SettingFault]:
    """What is right by itself and wrong together."""
    security = values.get("broker_security", "plaintext")
    if security not in _SECURITIES:
        return []
    sasl = ("broker_username", "broker_password")
    has_sasl, has_ssl = security.startswith("sasl_"), security.endswith("ssl")
    faults = [
        SettingFault(variable=variable(name), problem=f"is not set, and {security} needs it.", cure="Set it.")
        for name in sasl
        if has_sasl and name not in values
    ]
    if not has_sasl:
        faults += _unused(values, (*sasl, "broker_sasl_mechanism"), security, "sasl_ssl")
    if not has_ssl:
        return faults + _unused(values, _SSL_FILES, security, "ssl or sasl_ssl")
    for name, other in (_SSL_FILES[1:], _SSL_FILES[:0:-1]):
        if name in values and other not in values:
            problem = f"is not set, and {variable(name)} needs it."
            faults.append(SettingFault(variable=variable(other), problem=problem, cure="Set both."))
    return faults


def _unused(values: Mapping[str, str], names: Iterable[str], security: str, wanted: str) -> list[SettingFault]:
    cure = f"Set {variable('broker_security')} to {wanted}, or remove it."
    problem = f"is set, and {security} does not use it."
    return [SettingFault(variable=variable(name), problem=problem, cure=cure) for name in names if name in values]

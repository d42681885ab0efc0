"""The configuration file: which topics are read, in which dialect, for which tenants."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from laurel.faults import Fault, FileFaults, in_order, nearest, show
from laurel.located import Document, read_document
from laurel.shapes import NOT_BLANK, Form, Id, Key, one_of, read_form, refusal
from rules.keys import TenantId

OWN_TOPICS: Final = "laurel."
DEFAULT_PUBLIC_ADDRESS: Final = "http://localhost:8420"


class ConfigFaults(FileFaults):
    """A configuration is refused, with everything that is wrong in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One input topic with its dialect and tenant. `start` is where reading begins the first time."""

    topic: str
    dialect: str
    tenant: TenantId
    start: Literal["earliest", "latest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whose credentials they are, and how dates and texts are shown to their learners."""

    id: TenantId
    catalogue: Path
    time_zone: ZoneInfo
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the configuration file says. `public_address` ends without a slash."""

    public_address: str
    sources: tuple[Source, ...]
    tenants: tuple[Tenant, ...]


def _topic(text: str) -> str:
    if text in {".", ".."} or not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", text):
        cure = "Write 1 to 249 letters, digits, dots, dashes or underscores."
        raise refusal(f"is {show(text)}, which is no name of a topic in Kafka.", cure)
    if text.startswith(OWN_TOPICS):
        raise refusal(f"is {show(text)}, and topics that begin with {OWN_TOPICS} are our own.", "Name the LMS's topic.")
    return text


def _tenant(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        cure = "Begin with a letter or digit; letters, digits, dots, dashes and underscores may follow, 64 in all."
        raise refusal(f"is {show(text)}, which is no id of a tenant.", cure)
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        cure = "Write it like https://credentials.example.edu, without ? and #."
        raise refusal(f"is {show(text)}, and must be a web address.", cure)
    return text.rstrip("/")


def _time_zone(text: str) -> str:
    if text not in _time_zones():
        closest = nearest(text, sorted(_time_zones()))
        cure = f"Did you mean {closest}?" if closest else "Write a name such as Europe/Berlin."
        raise refusal(f"is {show(text)}, which is no time zone.", cure)
    return text


def _language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise refusal(f"is {show(text)}, which is no language tag.", "Write one such as en, de or pt-BR.")
    return text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


TenantName = Annotated[Key, AfterValidator(_tenant)]


class SourceForm(Form):
    topic: Annotated[str, AfterValidator(_topic), Field(description="The topic of the LMS", examples=["lms-events"])]
    dialect: Annotated[Id, Field(description="In what form its events are", examples=["laurel"])]
    tenant: Annotated[TenantName, Field(description="One of the ids under `tenants`", examples=["example"])]
    start: Annotated[
        Literal["earliest", "latest"], Field(description="Where reading begins the first time", examples=["earliest"])
    ] = "earliest"


class TenantForm(Form):
    catalogue: Annotated[
        str,
        Field(max_length=4096, description="A path, seen from this file", examples=["catalogue.yaml"]),
        NOT_BLANK,
    ]
    time_zone: Annotated[
        str, AfterValidator(_time_zone), Field(description="For the dates learners see", examples=["Europe/Berlin"])
    ] = "UTC"
    languages: Annotated[
        list[Annotated[str, AfterValidator(_language)]],
        Field(description="What learners are addressed in, the first by default", examples=[["en"]]),
    ] = Field(default_factory=lambda: ["en"])


class ConfigForm(Form):
    """Which topics are read, in which dialect, for which tenants."""

    public_address: Annotated[
        str,
        AfterValidator(_address),
        Field(description="Where learners reach the portal", examples=["https://credentials.example.edu"]),
    ] = DEFAULT_PUBLIC_ADDRESS
    sources: Annotated[list[SourceForm], Field(json_schema_extra={"minItems": 1})]
    tenants: Annotated[dict[TenantName, TenantForm], Field(json_schema_extra={"minProperties": 1})]


def read_config(path: Path, dialects: Collection[str]) -> Config:
    """Read the configuration. Raises ConfigFaults with every fault at once, each with its line and cure."""
    try:
        document = read_document(path)
    except FileFaults as refused:
        raise ConfigFaults(refused.faults) from None
    form, misfits = read_form(ConfigForm, document)
    faults = in_order(document.faults, misfits, _meaning_faults(document, path.parent, dialects))
    if faults or form is None:
        raise ConfigFaults(faults)
    return _config(form, path.parent)


def config_schema() -> dict[str, Any]:
    """The JSON Schema by which editors complete a configuration."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ConfigForm.model_json_schema(),
        "title": "Laurel configuration",
    }


def _config(form: ConfigForm, directory: Path) -> Config:
    return Config(
        public_address=form.public_address,
        sources=tuple(
            Source(topic=source.topic, dialect=source.dialect, tenant=TenantId(source.tenant), start=source.start)
            for source in form.sources
        ),
        tenants=tuple(
            Tenant(
                id=TenantId(tenant),
                catalogue=directory / described.catalogue,
                time_zone=ZoneInfo(described.time_zone),
                languages=tuple(described.languages),
            )
            for tenant, described in form.tenants.items()
        ),
    )


def _meaning_faults(document: Document, directory: Path, dialects: Collection[str]) -> list[Fault]:
    """Check what the file means, also where its shape is faulty: what is not as it should be is passed over."""
    return [
        *_source_faults(document, dialects),
        *_repeated_topics(document),
        *_tenant_faults(document, directory),
    ]


def _source_faults(document: Document, dialects: Collection[str]) -> Iterator[Fault]:
    sources, tenants = document.value(("sources",)), document.value(("tenants",))
    if sources == []:
        yield document.fault(("sources",), "There are no sources, and so nothing to read.", "Name at least one.")
    for at, source in enumerate(sources if isinstance(sources, list) else []):
        match source:
            case {"dialect": str(dialect)} if dialect not in dialects:
                closest = nearest(dialect, sorted(dialects))
                cure = f"Did you mean {closest}?" if closest else f"Write {one_of(sorted(dialects) or ['another'])}."
                yield document.fault(("sources", at, "dialect"), f"There is no dialect {show(dialect)}.", cure)
        match source:
            case {"tenant": str(tenant)} if isinstance(tenants, dict) and tenant not in tenants:
                closest = nearest(tenant, tenants)
                cure = f"Did you mean {show(closest)}?" if closest else "Describe it under `tenants`."
                yield document.fault(("sources", at, "tenant"), f"There is no tenant {show(tenant)}.", cure)


def _repeated_topics(document: Document) -> Iterator[Fault]:
    sources = document.value(("sources",))
    counts: Counter[str] = Counter()
    for at, source in enumerate(sources if isinstance(sources, list) else []):
        match source:
            case {"topic": str(topic)}:
                counts[topic] += 1
                if counts[topic] > 1:
                    problem = f"The topic {show(topic)} is here a second time."
                    cure = "Keep one source for each topic; a topic has one dialect and one tenant."
                    yield document.fault(("sources", at, "topic"), problem, cure)


def _tenant_faults(document: Document, directory: Path) -> Iterator[Fault]:
    tenants = document.value(("tenants",))
    if tenants == {}:
        yield document.fault(("tenants",), "There are no tenants.", "Describe at least one.")
    for tenant, described in tenants.items() if isinstance(tenants, dict) else ():
        path = ("tenants", tenant)
        match described:
            case {"catalogue": str(catalogue)} if catalogue.strip() and not _is_file(directory / catalogue):
                problem = f"There is no file {show(catalogue)}."
                yield document.fault(
                    (*path, "catalogue"), problem, "Write the path as seen from this file's directory."
                )
        match described:
            case {"languages": []}:
                yield document.fault((*path, "languages"), "There are no languages.", "Name at least one, such as en.")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False

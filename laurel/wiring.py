"""Wiring: settings and files become the options of each layer."""

import socket
import ssl
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faust

from laurel.catalogue_file import read_catalogue
from laurel.config import Config, read_config
from laurel.settings import Settings, read_settings, unset
from rules.catalogue import Catalogue
from streams import topics
from streams.delivery import DeliveryOptions, DeliveryTopics
from streams.dialects.all import DIALECTS
from streams.options import Source, StreamOptions


@cache
def app_version() -> str:
    """The version of this program."""
    return version("laurel")


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsFaults with all that is wrong."""
    return read_settings(environ, host_name=socket.gethostname(), is_terminal=sys.stderr.isatty())


def config_of(settings: Settings) -> Config:
    """Read the configuration file; raises SettingsFaults where none is named, ConfigFaults for what is in it."""
    if settings.config is None:
        raise unset("config")
    return read_config(settings.config, DIALECTS)


def catalogues_of(config: Config) -> list[Catalogue]:
    """Read every tenant's catalogue; raises CatalogueFaults."""
    return [read_catalogue(tenant.catalogue, tenant.id, tenant.time_zone) for tenant in config.tenants]


def stream_options(settings: Settings, config: Config | None) -> StreamOptions:
    """What the streams are told. Without a configuration there are no sources: for commands about topics alone."""
    sources = () if config is None else config.sources
    return StreamOptions(
        app_id=settings.app_id,
        brokers=tuple(settings.broker.split(",")),
        sources=tuple(Source(topic=s.topic, dialect=s.dialect, tenant=s.tenant, start=s.start) for s in sources),
        data_dir=settings.data_dir,
        worker_name=settings.worker_name,
        partitions=settings.partitions,
        batch_records=settings.batch_max_records,
        batch_bytes=settings.batch_max_bytes,
        batch_seconds=settings.batch_max_seconds,
        walk_learners=settings.walk_learners,
        standbys=settings.standbys,
        recovery_limit_seconds=settings.recovery_limit_seconds,
        commit_limit_seconds=settings.commit_limit_seconds,
        ce_source=settings.app_id if config is None else config.public_address,
        version=app_version(),
        embedded=settings.embedded,
        security=_security(settings),
        credentials=_credentials(settings),
    )


def delivery_options(settings: Settings, name: str) -> DeliveryOptions:
    """What the delivery to one sink is told."""
    return DeliveryOptions(
        bootstrap_servers=settings.broker,
        topics=DeliveryTopics(
            badges=topics.BADGES,
            certificates=topics.CERTIFICATES,
            standings=topics.STANDINGS,
            profiles=topics.PROFILES,
            dead_letters=topics.DEAD_LETTERS,
        ),
        group=f"{settings.app_id}-delivery-{name}",
        name=name,
        version=app_version(),
        security=_security(settings),
    )


def _security(settings: Settings) -> dict[str, Any]:
    """How every aiokafka client reaches the brokers."""
    if settings.broker_security == "plaintext":
        return {}
    said: dict[str, Any] = {"security_protocol": settings.broker_security.upper()}
    if settings.broker_security.endswith("ssl"):
        said["ssl_context"] = _ssl_context(settings)
    if settings.broker_security.startswith("sasl") and settings.broker_password is not None:
        said |= {
            "sasl_mechanism": settings.broker_sasl_mechanism,
            "sasl_plain_username": settings.broker_username,
            "sasl_plain_password": settings.broker_password.get_secret_value(),
        }
    return said


def _credentials(settings: Settings) -> Any:
    """The same, as Faust takes it."""
    if settings.broker_security == "ssl":
        return faust.SSLCredentials(context=_ssl_context(settings))
    if settings.broker_security.startswith("sasl") and settings.broker_password is not None:
        return faust.SASLCredentials(
            username=settings.broker_username,
            password=settings.broker_password.get_secret_value(),
            ssl_context=_ssl_context(settings) if settings.broker_security == "sasl_ssl" else None,
            mechanism=settings.broker_sasl_mechanism,
        )
    return None


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=_text(settings.broker_ca_file))
    if settings.broker_certificate_file is not None:
        context.load_cert_chain(settings.broker_certificate_file, settings.broker_key_file)
    return context


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

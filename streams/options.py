"""What the streams are told: frozen options that `laurel` fills from settings and files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rules.keys import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One input topic with its dialect and tenant; `start` counts the first time only."""

    topic: str
    dialect: str
    tenant: TenantId
    start: Literal["earliest", "latest"] = "earliest"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """
    All that agents, lanes and topics need to know.

    `security` goes to every aiokafka client, and `credentials` says the same to Faust. `embedded` is true for the
    broker inside demo, dev and tests only: it drops offsets that are sent with a transaction.
    """

    app_id: str
    brokers: tuple[str, ...]
    sources: tuple[Source, ...]
    data_dir: Path
    worker_name: str
    partitions: int = 4
    batch_records: int = 16_000
    batch_bytes: int = 16 << 20
    batch_seconds: float = 2.0
    walk_learners: int = 100
    standbys: int = 0
    recovery_limit_seconds: int = 120
    commit_limit_seconds: int = 120
    ce_source: str = "laurel"
    version: str = ""
    embedded: bool = False
    security: dict[str, Any] = field(default_factory=dict)
    credentials: Any = None

    @property
    def bootstrap(self) -> str:
        """The brokers as aiokafka takes them."""
        return ",".join(self.brokers)

"""How commands speak: where they print, how they fail, and which exits mean what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from laurel import worker
from laurel.drawing import NotDrawable
from laurel.embedded import EmbeddedStackError
from laurel.faults import FileFaults
from laurel.settings import SettingsFaults
from sinks.certificates import CertificateFault
from sinks.migrations import UnusableDatabase
from sinks.sink import SinkUnavailable

FAILED: Final = 1
USAGE: Final = 2

out: Final = Console(soft_wrap=True, highlight=False, markup=False)
err: Final = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

EXPECTED: Final = (
    SettingsFaults,
    FileFaults,
    EmbeddedStackError,
    SinkUnavailable,
    UnusableDatabase,
    NotDrawable,
    CertificateFault,
)


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{str(name)!r:.60} is no time zone; write a name such as Europe/Berlin") from None


TimeZone = Annotated[
    ZoneInfo,
    typer.Option(
        "--time-zone",
        parser=_zone,
        metavar="ZONE",
        help="Where the days of the catalogue begin and end; for workers the configuration says it.",
    ),
]
UTC_ZONE: Final = ZoneInfo("UTC")


@contextmanager
def told(failed: int = FAILED) -> Iterator[None]:
    """Say what was expected to go wrong as a sentence, leave with that code, and leave traces to bugs."""
    try:
        yield
    except EXPECTED as error:
        fail(str(error), failed)
    except (KafkaError, OSError) as error:
        fail(f"{type(error).__name__}: {error}", failed)
    except KeyboardInterrupt:
        fail("interrupted", worker.INTERRUPTED)


def fail(sentence: str, code: int) -> NoReturn:
    """Say why, and leave with that code."""
    err.print(sentence)
    raise typer.Exit(code)

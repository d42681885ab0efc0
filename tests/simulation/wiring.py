"""How the real agents are wired over what is modelled: as `streams.app` does it for Faust."""

from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

from streams import topics
from streams.certificates import Certificates
from streams.intake import Intake
from streams.lanes import Work
from streams.options import Source
from streams.progress import Progress
from streams.work import Shared, State
from tests.simulation.disk import Table

APP = "laurel"
PROGRESS, CERTIFICATES = topics.progress_changelog(APP), topics.certificates_changelog(APP)


def makers(shared: Shared, source: Source, tables: dict[str, Table]) -> dict[str, Any]:
    """What makes the work of each lane, by its topic."""

    def intake(tp: TP, producer: AIOKafkaProducer) -> Work:
        return Intake(shared, source, tp, producer)

    def progress(tp: TP, producer: AIOKafkaProducer) -> Work:
        return Progress(State(shared=shared, tp=tp, producer=producer, table=tables[PROGRESS], changelog=PROGRESS))

    def certificates(tp: TP, producer: AIOKafkaProducer) -> Work:
        table = tables[CERTIFICATES]
        return Certificates(State(shared=shared, tp=tp, producer=producer, table=table, changelog=CERTIFICATES))

    return {source.topic: intake, topics.FACTS: progress, topics.HELD: certificates}

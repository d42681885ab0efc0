"""The result of a run: what everything holds is read, judged from the input, and compared."""

import asyncio
import time
from pathlib import Path

from laurel.catalogue_file import read_catalogue
from laurel.demo.stack import TENANT
from rules.catalogue import dump_catalogue
from rules.keys import Instant
from streams import topics
from tests.acceptance.scenes import DEMO_CATALOGUE, DIALECTS
from tests.torture.clean import Input, judged
from tests.torture.findings import Findings
from tests.torture.reading import Ends, Found, changelog_ends, count, read_copies, read_rows, read_topics, records
from tests.torture.run import Run
from tests.torture.scene import APP, PARTITIONS, SOURCES
from tests.torture.verifier import verified

# Here a batch that was begun and never committed leaves records that nobody may read.
WRITTEN_IN_TRANSACTIONS = (topics.FACTS, topics.HELD, topics.STANDINGS)


def result(run: Run) -> Findings:
    """Read, judge and compare everything; the workers have stopped."""
    # The worker that restores all goes on from there: it tells the time, and so the changelogs get longer.
    ends = asyncio.run(changelog_ends(run.scene.kafka.address, APP, PARTITIONS))
    restored = run.restore()
    run.say("Reading the input, and judging it once, without streams ...")
    catalogues = [read_catalogue(path, TENANT) for path in (DEMO_CATALOGUE, *run.applied)]
    address = run.scene.kafka.address
    clean = judged(
        catalogues[-1],
        asyncio.run(_inputs(address)),
        DIALECTS,
        partitions=PARTITIONS,
        now=Instant(time.time_ns() // 1_000),
    )
    run.say(f"{clean.records:,} records of input. Reading topics, tables and database ...")
    found = _found(run, restored, ends)
    _tell_aborted(run, address)
    return verified(clean, found, [dump_catalogue(catalogue) for catalogue in catalogues])


def _found(run: Run, restored: Path, ends: Ends) -> Found:
    found = asyncio.run(read_topics(run.scene.kafka.address, PARTITIONS))
    for at, copies in read_copies(run.scene.state, ends).items():
        # Where there is none, all of it is missing, and the comparison says so.
        found.tables[at] = copies[0] if copies else {}
        found.copies += [(at, copy) for copy in copies[1:]]
    found.restored = {at: copies[0] if copies else {} for at, copies in read_copies(restored, ends).items()}
    found.rows = asyncio.run(read_rows(run.scene.database.url))
    return found


async def _inputs(bootstrap: str) -> list[Input]:
    """What the source topics hold, in the order of its sending."""
    read = [record async for record in records(bootstrap, SOURCES)]
    return [
        Input(
            record.topic,
            record.partition,
            record.offset,
            record.value or b"",
            tuple((name, content or b"") for name, content in record.headers),
        )
        for record in sorted(read, key=lambda record: record.timestamp)
    ]


def _tell_aborted(run: Run, bootstrap: str) -> None:
    """How much was begun and given up: where nothing was, no worker was struck in the middle of a transaction."""
    partitions = dict.fromkeys(WRITTEN_IN_TRANSACTIONS, PARTITIONS)
    raw, committed = (
        asyncio.run(count(bootstrap, partitions, isolation)) for isolation in ("read_uncommitted", "read_committed")
    )
    run.say(f"{raw - committed:,} records were written in transactions that never ended; nobody has read them.")

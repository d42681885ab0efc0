"""The story that `laurel demo` tells: a term goes through the embedded stack, and what was earned is shown."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from laurel.catalogue_file import read_catalogue
from laurel.demo.feeding import feed
from laurel.demo.results import Comparison, Told, compare, entitlements_in, event_line, read_told
from laurel.demo.stack import TENANT, Stack, WorkerProcess, stack
from laurel.drawing import draw
from laurel.evaluate import Evaluation, evaluate, read_lines
from laurel.term import term
from laurel.term_records import Told as Event
from rules.awards import Award, CredentialKind
from rules.catalogue import Catalogue
from rules.facts import Profile
from rules.keys import Instant, LearnerKey
from rules.ledger import Status
from rules.rulebook import rulebook
from sinks.certificates import CertificateFault
from sinks.postgres import PostgresSink
from streams import messages

FAILED = 1
DIALECT_OF = {"lms.brightspace": "brightspace", "lms.laurel": "laurel"}
SHOWN_REASONS = 8
SHOWN_LEARNERS = 5
SHOWN_LEDGER_ALONE = 10
DRAWING_THREADS = 2


def run(output: Path, *, seed: int, learners: int, console: Console) -> int:
    """
    Tell the whole story, and leave its results under `output`; gives the exit code.

    It is a failure when the running system and the evaluation do not agree. Raises EmbeddedStackError, and OSError
    when `output` cannot be written.
    """
    began = time.monotonic()
    _clear(output)
    events = term(seed=seed, learners=learners)
    console.print(f"A term of {len(events):,} events of {learners} learners (seed {seed}).")
    with as_file(files("laurel.demo") / "catalogue.yaml") as catalogue_file, (output / "worker.log").open("wb") as log:
        catalogue = read_catalogue(catalogue_file, TENANT)
        (output / "catalogue.yaml").write_bytes(catalogue_file.read_bytes())
        with stack(catalogue_file) as running:
            worker = _ready(running, log, console)
            _feed(running, worker, events, console)
            told = asyncio.run(read_told(running.settings.broker, running.settings.partitions))
            delivered, people = asyncio.run(_from_database(running, told))
            code = worker.stop()
            found = entitlements_in(running.settings.data_dir, TENANT, rulebook(catalogue))
    evaluation = _evaluated(output, events, catalogue, console)
    comparison = compare(found, told, evaluation, TENANT)
    _write_awards(output / "awards.jsonl", told)
    drawn, undrawn = _draw(output / "certificates", told, people, catalogue, console)
    _show_earned(console, told, catalogue)
    _show_learners(console, told, people)
    _show_letters(console, told)
    _show_comparison(console, comparison, people)
    console.print(f"\nPostgreSQL holds {delivered:,} awards, as many as Kafka.")
    console.print(f"{drawn} certificates to open: {output / 'certificates'}")
    for sentence in undrawn:
        console.print(f"  not drawn: {sentence}")
    console.print(f"All awards, one JSON line each: {output / 'awards.jsonl'}")
    console.print(
        f"Try a rule of yours: laurel evaluate --catalogue {output / 'catalogue.yaml'} "
        f"--events {output / 'events.jsonl'} --tenant {TENANT} --summary"
    )
    console.print(f"Done in {time.monotonic() - began:.0f} s.")
    is_right = comparison.is_equal and code == 0 and delivered == len(told.in_force)
    return 0 if is_right else FAILED


def dev(console: Console) -> int:
    """Run the embedded stack with a worker until Ctrl-C, with the demo's term in it; gives the exit code."""
    with as_file(files("laurel.demo") / "catalogue.yaml") as catalogue_file, stack(catalogue_file) as running:
        worker = running.worker(None)
        running.put_in_force()
        try:
            worker.until_ready()
            for name in ("LAUREL_BROKER", "LAUREL_DATABASE", "LAUREL_CONFIG"):
                console.print(f"export {name}='{running.environ[name]}'")
            console.print(f"metrics: http://127.0.0.1:{worker.port}/metrics")
            _feed(running, worker, term(), console)
            console.print("The term is in. Send events of your own, or try `laurel awards list`. Ctrl-C ends it.")
            while True:
                worker.check()
                time.sleep(1)
        except KeyboardInterrupt:
            console.print("stopping ...")
    return 0


def _clear(output: Path) -> None:
    """Make room for the results: what an earlier run has left goes, and nothing else."""
    certificates = output / "certificates"
    certificates.mkdir(parents=True, exist_ok=True)
    left = [*certificates.glob("*.pdf"), *[output / name for name in ("awards.jsonl", "events.jsonl", "worker.log")]]
    for old in left:
        old.unlink(missing_ok=True)


def _ready(running: Stack, log: object, console: Console) -> WorkerProcess:
    with console.status("Starting broker, database and worker ..."):
        running.put_in_force()
        worker = running.worker(log)  # type: ignore[arg-type]  # an open binary file
        worker.until_ready()
    return worker


def _feed(running: Stack, worker: WorkerProcess, events: Sequence[Event], console: Console) -> None:
    with _progress(console) as bar:
        task = bar.add_task("Through the stack", total=len(events))
        asyncio.run(feed(running.settings.broker, events, worker, lambda read: bar.update(task, completed=read)))


def _progress(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


async def _from_database(running: Stack, told: Told) -> tuple[int, dict[LearnerKey, Profile]]:
    """How many awards PostgreSQL holds, and the names of those who have any."""
    sink = PostgresSink(running.database.url)
    await sink.connect()
    try:
        awards = await sink.list_awards(limit=1_000_000)
        people: dict[LearnerKey, Profile] = {}
        for who in {LearnerKey(award.tenant, award.learner) for award in told.revisions}:
            person = await sink.find_person(*who)
            if person is not None:
                people[who] = person
    finally:
        await sink.close()
    return len(awards), people


def _evaluated(output: Path, events: Sequence[Event], catalogue: Catalogue, console: Console) -> Evaluation:
    path = output / "events.jsonl"
    with console.status("Judging the same events without Kafka ..."):
        with path.open("w", encoding="utf-8") as file:
            for event in events:
                file.write(event_line(DIALECT_OF[event.topic], event.value, event.headers) + "\n")
        now = Instant(time.time_ns() // 1_000)
        return evaluate(catalogue, read_lines(path), dialect=None, tenant=TENANT, at=None, now=now)


def _write_awards(path: Path, told: Told) -> None:
    with path.open("wb") as file:
        for award in sorted(told.in_force.values(), key=lambda one: (one.learner, one.credential)):
            file.write((messages.dump_award(award, source="").value or b"") + b"\n")


def _draw(
    directory: Path, told: Told, people: dict[LearnerKey, Profile], catalogue: Catalogue, console: Console
) -> tuple[int, list[str]]:
    """Draw every certificate in force; gives how many, and why others could not be."""
    wanted = [award for award in told.in_force.values() if _is_certificate(award)]

    undrawn: list[str] = []

    def draw_one(award: Award) -> None:
        person = people.get(LearnerKey(award.tenant, award.learner))
        try:
            drawn = draw(award, person, catalogue, public_address="http://localhost:8420", time_zone="Europe/Amsterdam")
        except CertificateFault as error:
            undrawn.append(f"{award.award_id}: {error}")
        else:
            (directory / f"{award.award_id}.pdf").write_bytes(drawn)

    with _progress(console) as bar, ThreadPoolExecutor(DRAWING_THREADS) as threads:
        task = bar.add_task("Drawing certificates", total=len(wanted))
        for _ in threads.map(draw_one, wanted):
            bar.advance(task)
    return len(wanted) - len(undrawn), undrawn


def _is_certificate(award: Award) -> bool:
    return award.kind is CredentialKind.CERTIFICATE and award.status is Status.AWARDED


def _show_earned(console: Console, told: Told, catalogue: Catalogue) -> None:
    counts = Counter((award.credential, award.status) for award in told.in_force.values())
    again = Counter(award.credential for award in told.revisions if award.revision > 1)
    table = Table("credential", "kind", title="\nEarned", title_justify="left", box=None, pad_edge=False)
    for name in ("awarded", "revoked", "corrections"):
        table.add_column(name, justify="right")
    for credential in catalogue.credentials:
        row = [str(counts[credential.id, status]) for status in (Status.AWARDED, Status.REVOKED)]
        table.add_row(credential.name, credential.kind.value, *row, str(again[credential.id]))
    console.print(table)


def _show_learners(console: Console, told: Told, people: dict[LearnerKey, Profile]) -> None:
    mine: dict[LearnerKey, list[Award]] = {}
    for award in told.in_force.values():
        if award.status is Status.AWARDED:
            mine.setdefault(LearnerKey(award.tenant, award.learner), []).append(award)
    most = sorted(mine.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:SHOWN_LEARNERS]
    table = Table("learner", "awards", title="\nWho earned most", title_justify="left", box=None, pad_edge=False)
    for who, awards in most:
        name = people[who].full_name if who in people else who.learner
        table.add_row(name, ", ".join(sorted(award.credential for award in awards)))
    console.print(table)


def _show_letters(console: Console, told: Told) -> None:
    title = f"\nDead letters: {len(told.letters)}"
    table = Table("how many", "reason", title=title, title_justify="left", box=None, pad_edge=False)
    reasons = told.reasons().most_common()
    for reason, count in reasons[:SHOWN_REASONS]:
        table.add_row(str(count), reason)
    if len(reasons) > SHOWN_REASONS:
        table.add_row(str(sum(count for _, count in reasons[SHOWN_REASONS:])), "others")
    console.print(table)


def _show_comparison(console: Console, comparison: Comparison, people: dict[LearnerKey, Profile]) -> None:
    console.print(
        f"\nThe same events judged without Kafka: {comparison.entitlements:,} entitlements and "
        f"{comparison.awards:,} awards, {'all equal' if comparison.is_equal else 'and NOT all equal'}."
    )
    for what, unlike in (("entitlement", comparison.unlike_entitlements), ("award", comparison.unlike_awards)):
        for one in unlike:
            console.print(f"  unlike {what}: {one}")
    if comparison.ledger_alone:
        console.print(f"Listed apart, since the ledger alone holds them: {len(comparison.ledger_alone)}")
    for award in sorted(comparison.ledger_alone, key=lambda one: (one.learner, one.credential))[:SHOWN_LEDGER_ALONE]:
        who = LearnerKey(award.tenant, award.learner)
        name = people[who].full_name if who in people else who.learner
        console.print(f"  {award.credential} of {name}: {award.status.value}, though the facts alone would not give it")
    if len(comparison.ledger_alone) > SHOWN_LEDGER_ALONE:
        console.print(f"  and {len(comparison.ledger_alone) - SHOWN_LEDGER_ALONE} others")

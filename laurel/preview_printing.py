"""How a preview looks at a terminal and as JSON, and what is said after the catalogue was put in force."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from laurel.printing import MAX_WIDTH, wrapped
from rules.catalogue import Catalogue
from rules.preview import AwardChange, Shift
from rules.preview_totals import CredentialPreview, Preview
from rules.rulebook import rulebook
from streams.messages import rfc3339
from streams.previewing import Previewed
from streams.walking import Outcome

_NAMED: Final = 5
_COUNTED: Final = ("gain", "lose", "change", "closer", "farther")
NO_WORKER: Final = "No worker has judged anything here yet: there is nothing to preview."


def unforetold(previewed: Previewed) -> str | None:
    """Why nothing can be foretold here, if that is so."""
    if not previewed.cut:
        return None
    tp, begin = next(iter(previewed.cut.items()))
    return (
        f"Nothing can be foretold: {tp.topic}, partition {tp.partition}, begins at {begin:,}, and what was told before "
        "is gone. The embedded broker keeps 5 MB of a partition; on Kafka a changelog has cleanup.policy=compact and "
        "no other (`laurel topics check`)."
    )


def print_preview(previewed: Previewed, catalogue: Catalogue, console: Console) -> None:
    """Print who gains, who loses and who comes closer, by credential, and what it holds for."""
    if previewed.is_empty:
        console.print(NO_WORKER)
        return
    totals = previewed.totals
    console.print(f"{totals.learners:,} learners of {catalogue.tenant}, if version {catalogue.version} were in force")
    for line in _moment(previewed):
        console.print(line)
    if not totals.touched:
        console.print("Nobody gains or loses anything, or comes closer.")
    else:
        console.print(_table(totals), soft_wrap=False)
        for row in totals.touched:
            for line in _who(row):
                console.print(wrapped(line, min(console.width, MAX_WIDTH), "  "))
    for line in _notes(previewed):
        console.print(wrapped(line, min(console.width, MAX_WIDTH)))


def preview_document(previewed: Previewed, catalogue: Catalogue) -> dict[str, Any]:
    """The same as JSON, with everyone named."""
    totals, noted = previewed.totals, previewed.noted
    return {
        "tenant": catalogue.tenant,
        "version": catalogue.version,
        "digest": rulebook(catalogue).digest,
        "in_force": [{"version": version, "digest": digest} for version, digest in sorted(set(_in_force(previewed)))],
        "as_of": rfc3339(previewed.time),
        "facts_offsets": {str(partition): offset for partition, offset in noted.facts.items()},
        "is_exact": noted.is_exact,
        "is_walking": any(previewed.walking.values()),
        "learners": totals.learners,
        "totals": _counts(totals.credentials.values()),
        "anyway": len(totals.anyway),
        "credentials": [_document(row) for row in totals.credentials.values()],
    }


def print_outcome(found: Outcome, foretold: int, console: Console) -> None:
    """Print whether what was told is what the preview said, and apart from it what came since."""
    console.print(f"Told as previewed: {found.as_foretold:,} of {foretold:,} awards.")
    if found.otherwise:
        some = ", ".join(f"{one.credential} of {one.learner}" for one in found.otherwise[:_NAMED])
        more = len(found.otherwise) - _NAMED
        console.print(
            f"Otherwise, by what came since the preview: {some}{f' and {more:,} more' if more > 0 else ''}. "
            "`laurel why` says why."
        )
    if found.anyway:
        console.print(f"Told as well, and due without this catalogue: {found.anyway:,}.")
    if found.since:
        console.print(f"Told as well, by what came since the preview: {found.since:,}.")


def _table(totals: Preview) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("credential", overflow="fold")
    table.add_column("kind")
    for name in ("hold it", *_COUNTED):
        table.add_column(name, justify="right")
    for row in totals.touched:
        counts = _counts([row])
        table.add_row(row.credential, row.kind.value, f"{row.held:,}", *[f"{counts[name]:,}" for name in _COUNTED])
    if len(totals.touched) > 1:
        counts = _counts(totals.touched)
        table.add_row("in all", "", f"{counts['held']:,}", *[f"{counts[name]:,}" for name in _COUNTED])
    return table


def _who(row: CredentialPreview) -> Iterator[str]:
    """Some of those who gain or lose."""
    for verb, changes in (("gained by", row.gains), ("lost by", row.loses)):
        if changes:
            some = ", ".join(change.learner for change in changes[:_NAMED])
            more = len(changes) - _NAMED
            yield f"{row.credential} is {verb} {some}{f' and {more:,} more (--json names all)' if more > 0 else ''}"


def _moment(previewed: Previewed) -> Iterator[str]:
    """What the preview holds for: the catalogue in force, and how far facts were judged."""
    versions = sorted({version for version, _ in _in_force(previewed)})
    in_force = " and ".join(str(version) for version in versions)
    offsets = ", ".join(f"{partition}: {offset:,}" for partition, offset in previewed.noted.facts.items())
    yield f"In force now: {f'version {in_force}' if in_force else 'no catalogue'}. As of {rfc3339(previewed.time)}."
    yield f"Facts up to these offsets, by partition: {offsets or 'none'}."


def _notes(previewed: Previewed) -> Iterator[str]:
    totals = previewed.totals
    retired = [row for row in totals.credentials.values() if row.is_retired and row.held]
    if retired:
        kept = ", ".join(f"{row.credential} ({row.held:,})" for row in retired)
        yield f"Not in the new catalogue, and kept by those who hold them: {kept}."
    if totals.anyway:
        yield f"Told without this catalogue too, since the clock has come to it: {len(totals.anyway):,}."
    if any(previewed.walking.values()):
        yield "A catalogue or course is still on its way to everyone: what it changes counts as if this one did."
    if not previewed.noted.is_exact:
        yield "Facts came while the offsets were noted: a few after them may be counted too."


def _in_force(previewed: Previewed) -> list[tuple[int, str]]:
    return [(one.catalogue.version, one.digest) for one in previewed.in_force.values() if one is not None]


def _counts(rows: Iterable[CredentialPreview]) -> dict[str, int]:
    found = dict.fromkeys(("held", *_COUNTED), 0)
    for row in rows:
        for name, count in zip(
            ("held", *_COUNTED),
            (row.held, len(row.gains), len(row.loses), len(row.changes), len(row.closer), len(row.farther)),
            strict=True,
        ):
            found[name] += count
    return found


def _document(row: CredentialPreview) -> dict[str, Any]:
    return {
        "id": row.credential,
        "kind": row.kind,
        "is_new": row.is_new,
        "is_retired": row.is_retired,
        **_counts([row]),
        "gained_by": [_change(change) for change in row.gains],
        "lost_by": [_change(change) for change in row.loses],
        "changed_for": [_change(change) for change in row.changes],
        "closer_to": [_shift(shift) for shift in row.closer],
        "farther_from": [_shift(shift) for shift in row.farther],
    }


def _change(change: AwardChange) -> dict[str, Any]:
    return {
        "learner": change.learner,
        "occurrence": change.occurrence,
        "award_id": change.award_id,
        "revision": change.revision,
        "status": change.status,
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {
        "learner": shift.learner,
        "closeness_percent": shift.after / 100,
        "closeness_percent_before": shift.before / 100,
    }

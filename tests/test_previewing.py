"""A preview from what changelogs hold: decoded learner by learner, added up, printed, and followed to its end."""

import asyncio
import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from rich.console import Console
from typer.testing import CliRunner

from laurel.cli import app
from laurel.preview_printing import NO_WORKER, preview_document, print_outcome, print_preview, unforetold
from rules.catalogue import Catalogue, digest, dump_catalogue
from rules.criteria import FinalGrade
from rules.facts import CourseFact, Fact, Kind
from rules.keys import AwardId, CredentialId, Instant, LearnerId, key
from rules.known import Control, Walk
from rules.ledger import Status
from rules.policies import Policy
from rules.preview import AwardChange, Compared, Effect
from rules.replay import Replay
from rules.rulebook import rulebook
from streams import topics
from streams.changelog import Reader, Tables
from streams.previewing import BREATH, Noted, Previewed, _Bar, _judge, _read, _State
from streams.walking import Outcome, Walked
from streams.wire import CODECS
from tests.stories import COURSES, NOW, TENANT, badge, catalogue_of, catalogues, events, fact
from tests.test_preview import foretold, last, story

Events = list[Fact | CourseFact]
APP = "laurel"
LOGS = (topics.progress_changelog(APP), topics.certificates_changelog(APP))
ONE, TWO, GONE = CredentialId("one"), CredentialId("two"), CredentialId("gone")


def encoded(tables: dict[str, Any]) -> Tables:
    """Tables as the changelog has them."""
    return {
        name: {place.encode(): CODECS[name][0](value) for place, value in table.scan("")}
        for name, table in tables.items()
    }


def state_of(replay: Replay) -> tuple[Tables, Tables]:
    known, certificates = replay.known, replay.of_certificates
    return encoded(
        {
            "facts": known.facts,
            "courses": known.courses,
            "ledger": known.ledger,
            "due": known.agenda.due,
            "control": known.clock.control,
            "progress": known.progress,
            "standings": known.standings,
        }
    ), encoded(
        {
            "held": certificates.held,
            "certificate_ledger": certificates.ledger,
            "due": certificates.agenda.due,
            "control": certificates.clock.control,
        }
    )


def noted(facts: int = 20) -> Noted:
    return Noted(facts={0: facts}, ends={TopicPartition(log, 0): 100 for log in LOGS}, is_exact=True)


async def previewed(replay: Replay, new: Catalogue, now: Instant) -> tuple[Previewed, list[int]]:
    """What `preview` does with one partition, and what its bar has heard."""
    state, seen = _State(TENANT, *state_of(replay)), list[int]()
    found = Previewed(noted=noted(), time=now)
    found.in_force[0], found.walking[0], found.learners[0] = state.current(), state.is_walking, len(state.learners)
    bar = _Bar(total=100, seen=lambda done, _total: seen.append(done))
    await _judge(state, Compared.of(state.current(), rulebook(new)), found, 100, bar)
    return found, seen


@pytest.mark.slow
@given(catalogues(), catalogues(), events)
def test_what_is_read_as_bytes_is_foretold_as_what_is_applied(old: Catalogue, new: Catalogue, events: Events) -> None:
    replay = story(old, events)
    told = len(replay.awards)
    found, seen = asyncio.run(previewed(replay, new, NOW))
    replay.catalogue(new, NOW)

    assert foretold((*found.totals.anyway, *found.totals.awards())) == last(replay.awards[told:])
    assert seen[-1] == 100


HARD = catalogue_of(
    badge(ONE, FinalGrade(course=COURSES[0], at_least=8_000), Policy.REVOKE),
    badge(GONE, FinalGrade(course=COURSES[0], at_least=1)),
)
EASY = catalogue_of(
    badge(ONE, FinalGrade(course=COURSES[0], at_least=6_000), Policy.REVOKE),
    badge(TWO, FinalGrade(course=COURSES[0], at_least=9_000)),
    version=2,
)


def many(count: int = 2 * BREATH + 20) -> Replay:
    """Learners with grades from 60.00 % on, 0.20 % apart."""
    grades = [fact(Kind.CALCULATED_GRADE, 1, 6_000 + 20 * at, learner=LearnerId(f"u{at:03}")) for at in range(count)]
    return story(HARD, grades)


async def test_a_preview_adds_up_by_credential_and_lets_others_have_their_turn() -> None:
    replay = many()
    heard = list[int]()

    async def beside() -> None:
        while True:
            heard.append(1)
            await asyncio.sleep(0)

    other = asyncio.create_task(beside())
    found, seen = await previewed(replay, EASY, NOW)
    other.cancel()

    row = found.totals.credentials[ONE]
    assert (row.held, len(row.gains), len(row.loses), row.is_new) == (20, 100, 0, False)
    assert len(found.totals.credentials[TWO].closer) == 120
    assert found.totals.credentials[GONE].is_retired
    assert (found.totals.learners, found.learners) == (120, {0: 120})
    assert seen == sorted(seen)
    assert len(heard) >= 2


def printed(found: Previewed, catalogue: Catalogue) -> str:
    console = Console(width=100, soft_wrap=True, highlight=False, markup=False)
    with console.capture() as capture:
        print_preview(found, catalogue, console)
    return capture.get()


async def test_a_preview_is_printed_with_who_gains_and_what_it_holds_for() -> None:
    found, _ = await previewed(many(), EASY, NOW)
    text = printed(found, EASY)

    assert "120 learners of" in text
    assert "In force now: version 1. As of 1970-01-31T00:00:00Z." in text
    assert "Facts up to these offsets, by partition: 0: 20." in text
    assert ["one", "badge", "20", "100", "0", "0", "0", "0"] in [line.split() for line in text.splitlines()]
    assert "one is gained by u000, u001, u002, u003, u004 and 95 more (--json names all)" in text
    assert "kept by those who hold them: gone (120)." in text
    document = preview_document(found, EASY)
    assert json.loads(json.dumps(document)) == document
    assert document["totals"] == {"held": 140, "gain": 100, "lose": 0, "change": 0, "closer": 120, "farther": 0}
    assert len(document["credentials"][0]["gained_by"]) == 100
    assert document["facts_offsets"] == {"0": 20}


async def test_a_preview_says_what_it_cannot_know() -> None:
    found, _ = await previewed(many(2), HARD, NOW)
    assert "Nobody gains or loses anything, or comes closer." in printed(found, HARD)

    found.noted = replace(found.noted, is_exact=False)
    found.walking[0] = True
    found.totals.anyway = [change(1)]
    text = " ".join(printed(found, HARD).split())
    assert "Facts came while the offsets were noted" in text
    assert "still on its way to everyone" in text
    assert "Told without this catalogue too, since the clock has come to it: 1." in text
    nothing = Previewed(noted=Noted(facts={}, ends={}, is_exact=True), time=NOW)
    assert printed(nothing, HARD).strip() == NO_WORKER
    assert unforetold(found) is None
    found.cut = {TopicPartition(LOGS[0], 0): 7}
    assert "laurel-progress-changelog, partition 0, begins at 7" in (unforetold(found) or "")


def change(revision: int) -> AwardChange:
    return AwardChange(Effect.GAINS, LearnerId("u"), ONE, "", AwardId("a"), revision, Status.AWARDED)


class Log(Reader):
    """A changelog in memory."""

    def __init__(self, records: dict[TopicPartition, list[tuple[bytes, bytes | None]]]) -> None:
        self.logs = records

    async def begins(self, partitions: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def records(self, tp: TopicPartition, begin: int, end: int, read: Any = lambda _: None) -> Any:
        for offset, (place, value) in enumerate(self.logs.get(tp, ())[begin:end], begin):
            read(1)
            yield ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, place, value, None, 0, 0, ())


async def test_what_was_deleted_or_is_another_tenants_is_not_read() -> None:
    replay = many(3)
    progress, _ = state_of(replay)
    records = [
        (f"{name}/".encode() + place, value) for name, table in progress.items() for place, value in table.items()
    ]
    stranger = b"facts/" + key("other", "u", "A", "topic", "t", "").encode()
    gone = b"ledger/" + key(TENANT, "gone").encode()
    records += [(stranger, b"\x90"), (gone, b"\x80")]
    Random(1).shuffle(records)
    log: list[tuple[bytes, bytes | None]] = [*records, (gone, None)]
    source = Log({TopicPartition(LOGS[0], 0): log, TopicPartition(LOGS[1], 0): []})
    moment = Noted(facts={}, ends={TopicPartition(LOGS[0], 0): len(log), TopicPartition(LOGS[1], 0): 0}, is_exact=True)
    bar = _Bar(total=1, seen=lambda _done, _total: None)
    state = await _read(source, moment, LOGS, 0, TENANT, bar)

    assert state.learners == [key(TENANT, f"u00{at}").encode() for at in range(3)]
    assert state.progress["facts"] == progress["facts"]
    assert "standings" not in state.progress
    assert bar.done == len(log)


def walked(*, in_force: bool = False, walking: bool = False) -> Walked:
    before = Previewed(noted=noted(), time=NOW)
    before.in_force[0] = rulebook(EASY if in_force else HARD)
    before.walking[0] = walking
    return Walked.after(before, TENANT, digest(dump_catalogue(EASY)), {0: 40}, step=10)


CATALOGUE, WALK = b"control/" + key("catalogue", TENANT).encode(), b"control/" + key("walk", TENANT, "all").encode()


def control(**what: Any) -> bytes:
    return CODECS["control"][0](Control(**what))


def test_a_walk_is_followed_from_the_catalogue_to_its_tombstone() -> None:
    found = walked()
    assert found.looked == {0: 100}
    found.settle(0, 41)
    assert not found.is_done, "the catalogue is not in the changelog yet"

    found.hear(0, CATALOGUE, control(catalogue=dump_catalogue(EASY)))
    found.hear(0, WALK, control(walk=Walk(tenant=TENANT)))
    found.settle(0, 41)
    assert (found.is_done, found.learners({0: 25})) == (False, 0)
    found.hear(0, b"control/time", control(time=3))
    found.hear(0, b"control/" + key("walk", TENANT, "course", "A").encode(), None)
    for after in ("a", "b"):
        found.hear(0, WALK, control(walk=Walk(tenant=TENANT, after=after)))
    found.settle(0, 41)
    assert (found.is_done, found.learners({0: 25})) == (False, 20)
    found.hear(0, WALK, None)
    found.settle(0, 40)
    assert not found.is_done, "the facts were not read up to the catalogue"
    found.settle(0, 41)
    assert (found.is_done, found.learners({0: 25})) == (True, 25)
    assert not found.is_overtaken


@pytest.mark.parametrize(("read_to", "is_done"), [(40, False), (41, True)])
def test_a_catalogue_that_is_in_force_already_is_waited_for_until_it_was_read_again(
    read_to: int, is_done: bool
) -> None:
    found = walked(in_force=True)
    found.settle(0, read_to)
    assert found.is_done is is_done


@pytest.mark.parametrize("ends", [False, True])
def test_a_walk_that_was_under_way_already_is_waited_for(ends: bool) -> None:
    found = walked(in_force=True, walking=True)
    if ends:
        found.hear(0, WALK, None)
    found.settle(0, 41)
    assert found.is_done is ends


def test_a_catalogue_that_comes_after_is_noticed() -> None:
    found = walked()
    found.hear(0, CATALOGUE, control(catalogue=dump_catalogue(EASY)))
    found.hear(0, CATALOGUE, control(catalogue=dump_catalogue(HARD)))

    assert found.is_overtaken


def test_what_came_otherwise_is_named_apart() -> None:
    console = Console(width=100, soft_wrap=True, highlight=False, markup=False)
    with console.capture() as capture:
        print_outcome(Outcome(as_foretold=7, otherwise=[change(1)] * 7, anyway=2, since=3), 14, console)

    assert capture.get().splitlines() == [
        "Told as previewed: 7 of 14 awards.",
        f"Otherwise, by what came since the preview: {', '.join(['one of u'] * 5)} and 2 more. `laurel why` says why.",
        "Told as well, and due without this catalogue: 2.",
        "Told as well, by what came since the preview: 3.",
    ]


def test_apply_without_a_terminal_wants_to_be_told_yes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUREL_BROKER", "127.0.0.1:1")
    done = CliRunner().invoke(app, ["catalogue", "apply", str(tmp_path / "none.yaml")])

    assert (done.exit_code, done.output) == (
        2,
        "there is no terminal to ask at: say --yes to put it in force without being asked\n",
    )

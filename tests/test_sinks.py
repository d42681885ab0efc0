"""One contract, two sinks: PostgreSQL and its twin in memory answer alike."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurel.embedded import EmbeddedDatabase
from rules.awards import Award, Standing
from rules.criteria import Evidence
from rules.facts import Profile
from rules.keys import CredentialId, Instant, LearnerId, TenantId
from rules.ledger import Status
from sinks.memory import MemorySink
from sinks.migrations import Migration, UnusableDatabase, migrate, migrations, pending
from sinks.postgres import PostgresSink
from sinks.sink import AwardGone, Item, ProfileGone, SinkUnavailable, StandingGone, fold
from sinks.sql import query
from tests.awards import (
    BADGE,
    FIRST,
    LAST,
    TENANT,
    THEN,
    award,
    awards,
    plain_texts,
    profile,
    profiles,
    standing,
    standings,
)
from tests.torture.proxy import SlowDatabase

Sink = PostgresSink | MemorySink
LEARNER = LearnerId("u-17")


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase() as database:
        yield database


@pytest.fixture
async def postgres(database: EmbeddedDatabase) -> AsyncIterator[PostgresSink]:
    sink = PostgresSink(database.url, timeout_seconds=10)
    await sink.connect()
    await run(database, "TRUNCATE awards, people, standings")
    yield sink
    await sink.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def sink(request: pytest.FixtureRequest) -> Sink:
    if request.param == "memory":
        return MemorySink()
    found = request.getfixturevalue("postgres")
    assert isinstance(found, PostgresSink)
    return found


async def run(database: EmbeddedDatabase, statement: str) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def all_awards(sink: Sink) -> list[Award]:
    return await sink.list_awards(limit=10_000)


async def test_an_award_comes_back_as_it_was(sink: Sink) -> None:
    evidence = (
        Evidence("final_grade DATA101 ≥ 70", ("https://lms.example/e/1", "e-2")),
        Evidence("badges 2 of a, b", (), ("a-1", "a-2")),
    )
    found = replace(award(evidence=evidence), expires_at=Instant(THEN + 1), occurrence="2026/1")

    assert await sink.write([found]) == []
    assert await sink.find_award(found.award_id) == found
    assert await all_awards(sink) == [found]


async def test_what_is_not_there_is_none(sink: Sink) -> None:
    assert await sink.find_award(award().award_id) is None
    assert await sink.find_person(TENANT, LEARNER) is None
    assert await sink.list_standings(TENANT, LEARNER) == []
    assert await sink.list_credentials(TENANT) == []


async def test_credentials_are_listed_once_each_and_of_one_tenant(sink: Sink) -> None:
    ids = [CredentialId(name) for name in ("sql", "Data", "data-literacy", "é", "sql~1")]
    of_another = award(credential=CredentialId("other"), tenant=TenantId("t2"))
    await sink.write([*[award(f"u-{n}", credential=one) for one in ids for n in range(3)], of_another])

    assert await sink.list_credentials(TENANT) == sorted(ids)


async def test_nothing_to_write_is_written(sink: Sink) -> None:
    assert await sink.write([]) == []


async def test_redelivery_changes_nothing(sink: Sink) -> None:
    batch: list[Item] = [award(), standing(), profile(), award(revision=2, status=Status.REVOKED), award("u-18")]
    await sink.write(batch)
    before = (await all_awards(sink), await sink.list_standings(TENANT, LEARNER))

    assert await sink.write(batch) == []
    assert await sink.write(batch[:1]) == []
    assert (await all_awards(sink), await sink.list_standings(TENANT, LEARNER)) == before


@pytest.mark.parametrize("seed", range(5))
async def test_the_highest_revision_wins_in_any_order(sink: Sink, seed: int) -> None:
    revisions = [award(revision=revision, decided_at=Instant(THEN - revision)) for revision in range(1, 8)]
    order = random.Random(seed).choices(revisions, k=20) + revisions
    for start in range(0, len(order), 4):
        await sink.write(order[start : start + 4])

    assert await all_awards(sink) == [revisions[-1]]


async def test_the_same_revision_again_says_nothing_new(sink: Sink) -> None:
    await sink.write([award()])
    await sink.write([award(decided_at=Instant(THEN + 5))])

    assert await all_awards(sink) == [award()]


@pytest.mark.parametrize(
    "bad",
    [
        award("nul\0"),
        award(evidence=(Evidence("c", ("e\0",)),)),
        award("x" * 1990),
        standing("nul\0"),
        standing("ü" * 999),
        profile(full_name="Ada\0"),
        profile("x" * 2001),
    ],
    ids=str,
)
async def test_one_bad_row_is_refused_and_the_others_are_written(sink: Sink, bad: Item) -> None:
    good = [award(f"u-{number}") for number in range(20)]
    (refused,) = await sink.write([*good[:7], bad, *good[7:]])

    assert refused.item is bad
    assert refused.reason[:5] in {"22021", "22P05", "23514"}
    assert "u-3" not in refused.reason
    assert len(await all_awards(sink)) == 20


async def test_many_bad_rows_are_each_refused(sink: Sink) -> None:
    batch = [award(f"u-{number}" + "\0" * (number % 3 == 0)) for number in range(60)]

    refused = await sink.write(batch)

    assert [found.item for found in refused] == batch[::3]
    assert len(await all_awards(sink)) == 40


async def test_a_bad_revision_does_not_take_the_good_one_before_it_along(sink: Sink) -> None:
    bad = award(revision=2, evidence=(Evidence("\0"),))

    assert [refused.item for refused in await sink.write([award(), bad])] == [bad]
    assert await all_awards(sink) == [award()]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("together", [True, False])
async def test_the_newest_names_win_and_the_event_breaks_a_tie(
    sink: Sink, order: tuple[int, ...], together: bool
) -> None:
    names = [
        profile(full_name="Ada Byron", occurred_at=Instant(THEN - 1), event_id="z"),
        profile(full_name="Ada King", event_id="Z"),
        profile(full_name="Ada Lovelace", event_id="a"),
    ]
    batch = [names[place] for place in order]
    for part in [batch] if together else [[name] for name in batch]:
        await sink.write(part)

    assert await sink.find_person(TENANT, LEARNER) == names[2]


async def test_the_latest_standing_stands(sink: Sink) -> None:
    older, newer = standing(have=5000, decided_at=Instant(THEN - 1)), standing(have=6000)
    await sink.write([older])
    await sink.write([newer])
    await sink.write([older])
    assert await sink.list_standings(TENANT, LEARNER) == [newer]

    corrected = standing(have=6500)
    await sink.write([newer, corrected])
    assert await sink.list_standings(TENANT, LEARNER) == [corrected]


async def test_a_tombstone_removes_what_came_before_it_and_not_what_comes_after(sink: Sink) -> None:
    gone: list[Item] = [
        StandingGone(tenant=TENANT, learner=LEARNER, credential=BADGE),
        AwardGone(tenant=TENANT, learner=LEARNER, award_id=award().award_id),
        ProfileGone(tenant=TENANT, learner=LEARNER),
    ]
    said: list[Item] = [standing(), award(revision=5), profile()]
    others: list[Item] = [standing("u-18"), award("u-18"), profile("u-18")]
    await sink.write(said + others)

    await sink.write(gone)
    assert await all_awards(sink) == [award("u-18")]
    assert await sink.list_standings(TENANT, LEARNER) == []
    assert await sink.find_person(TENANT, LEARNER) is None
    assert await sink.find_person(TENANT, LearnerId("u-18")) == profile("u-18")

    earlier: list[Item] = [standing(decided_at=Instant(1)), award(), profile(occurred_at=Instant(1))]
    await sink.write([*said, *gone, *earlier])
    assert await sink.find_award(award().award_id) == award()
    assert await sink.list_standings(TENANT, LEARNER) == [earlier[0]]
    assert await sink.find_person(TENANT, LEARNER) == earlier[2]

    await sink.write([*said, *gone])
    assert await sink.list_standings(TENANT, LEARNER) == []
    assert await sink.write(gone) == []


async def test_any_script_comes_back_as_it_was(sink: Sink) -> None:
    names = profile("学習者/17 ü", full_name="Zoë \U0001d4d0da عائشة 👩🏽‍🎓 'quoted' \\ {}, NULL")
    found = award("学習者/17 ü", evidence=(Evidence("≥ 70 👩🏽‍🎓", ("e\u2028\x7f\t\n",)),))
    await sink.write([names, found])

    assert await sink.find_person(TENANT, names.learner) == names
    assert await all_awards(sink) == [found]


@pytest.mark.parametrize("instant", [FIRST, Instant(FIRST + 1), Instant(-1), Instant(1), Instant(LAST - 1), LAST])
async def test_dates_far_away_come_back_to_the_microsecond(sink: Sink, instant: Instant) -> None:
    found = replace(award(met_at=instant, decided_at=instant), expires_at=instant)
    await sink.write([found, profile(occurred_at=instant), standing(decided_at=instant)])

    assert await all_awards(sink) == [found]
    assert await sink.find_person(TENANT, LEARNER) == profile(occurred_at=instant)
    assert await sink.list_standings(TENANT, LEARNER) == [standing(decided_at=instant)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(awards(plain_texts), standings(plain_texts), profiles(plain_texts))
async def test_any_values_come_back_as_they_were(
    sink: Sink, award: Award, standing: Standing, profile: Profile
) -> None:
    gone: list[Item] = [
        AwardGone(tenant=award.tenant, learner=award.learner, award_id=award.award_id),
        StandingGone(tenant=standing.tenant, learner=standing.learner, credential=standing.credential),
        ProfileGone(tenant=profile.tenant, learner=profile.learner),
    ]
    assert await sink.write([*gone, award, standing, profile]) == []

    assert await sink.find_award(award.award_id) == award
    assert standing in await sink.list_standings(standing.tenant, standing.learner)
    assert await sink.find_person(profile.tenant, profile.learner) == profile


async def test_five_thousand_awards_are_one_batch(sink: Sink) -> None:
    batch = [award(f"u-{number}") for number in range(5_000)]

    assert await sink.write(batch) == []
    assert len(await all_awards(sink)) == 5_000


async def test_writers_of_the_same_awards_agree_on_the_highest_revision(sink: Sink) -> None:
    learners = [f"u-{number}" for number in range(50)]

    async def write(seed: int) -> None:
        order = random.Random(seed)
        for revision in range(1, 11):
            batch = [award(learner, revision=revision) for learner in learners]
            order.shuffle(batch)
            assert await sink.write(batch) == []

    await asyncio.gather(*(write(seed) for seed in range(4)))

    assert {(found.learner, found.revision) for found in await all_awards(sink)} == {(who, 10) for who in learners}


async def test_awards_are_found_by_what_they_are_of(sink: Sink) -> None:
    old = award("u-1", decided_at=Instant(1))
    other = award("u-1", credential=CredentialId("sql"), decided_at=Instant(2))
    lost = award("u-2", revision=2, status=Status.REVOKED, decided_at=Instant(3))
    elsewhere = award("u-1", tenant=TenantId("t2"), decided_at=Instant(4))
    await sink.write([old, other, lost, elsewhere])

    assert await all_awards(sink) == [elsewhere, lost, other, old]
    assert await sink.list_awards(limit=2) == [elsewhere, lost]
    assert await sink.list_awards(tenant=TENANT, learner=LearnerId("u-1"), limit=9) == [other, old]
    assert await sink.list_awards(credential=BADGE, status=Status.AWARDED, limit=9) == [elsewhere, old]
    assert await sink.list_awards(status=Status.EXPIRED, limit=9) == []


async def test_a_sink_that_is_away_says_so_and_then_takes_up_its_work() -> None:
    sink = MemorySink()
    sink.available = False
    assert not await sink.ready()
    with pytest.raises(SinkUnavailable):
        await sink.write([award()])

    sink.available = True
    assert await sink.ready()
    assert await sink.write([award()]) == []


@pytest.mark.stack
async def test_a_database_that_was_stopped_is_unavailable_and_then_takes_up_its_work(
    database: EmbeddedDatabase, postgres: PostgresSink
) -> None:
    await postgres.write([award()])
    await asyncio.to_thread(database.stop)
    try:
        assert not await postgres.ready()
        for _ in range(6):  # more often than the pool has connections
            with pytest.raises(SinkUnavailable, match="cannot be reached"):
                await postgres.write([award("u-18")])
        with pytest.raises(SinkUnavailable):
            await all_awards(postgres)
    finally:
        await asyncio.to_thread(database.start)

    assert await postgres.ready()
    assert await postgres.write([award("u-18")]) == []
    assert len(await all_awards(postgres)) == 2


@pytest.mark.stack
async def test_a_database_that_says_goodbye_before_it_closes_its_connections_is_an_outage(
    database: EmbeddedDatabase,
) -> None:
    with SlowDatabase(database.url, seed=1) as proxy:
        proxy.closing_seconds = 1.0
        sink = PostgresSink(proxy.url, connections=1)
        await sink.connect()
        await asyncio.to_thread(database.stop)
        try:
            with pytest.raises(SinkUnavailable, match="cannot be reached"):
                await sink.write([award()])
        finally:
            await asyncio.to_thread(database.start)
        proxy.closing_seconds = 0.0

        assert await sink.write([award()]) == []
        await sink.close()


@pytest.mark.stack
async def test_a_connection_cut_in_the_middle_of_a_batch_is_an_outage(
    database: EmbeddedDatabase, postgres: PostgresSink
) -> None:
    await run(database, "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(5); END'")
    await run(database, "CREATE TRIGGER nap BEFORE INSERT ON awards FOR EACH ROW EXECUTE FUNCTION nap()")
    try:
        writing = asyncio.create_task(postgres.write([award()]))
        await asyncio.sleep(0.5)
        await run(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'laurel'",
        )
        with pytest.raises(SinkUnavailable):
            await writing
    finally:
        await run(database, "DROP TRIGGER nap ON awards; DROP FUNCTION nap")
    assert await postgres.write([award()]) == []


@pytest.mark.stack
async def test_a_statement_that_takes_too_long_is_an_outage(database: EmbeddedDatabase) -> None:
    sink = PostgresSink(database.url, timeout_seconds=0.5)
    await sink.connect()
    blocker = await asyncpg.connect(database.url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE awards")
            with pytest.raises(SinkUnavailable, match="TimeoutError"):
                await sink.write([award()])
        assert await sink.write([award()]) == []
    finally:
        await blocker.close()
        await sink.close()


@pytest.mark.stack
async def test_a_bug_is_no_outage_and_no_refusal(database: EmbeddedDatabase, postgres: PostgresSink) -> None:
    await run(database, "ALTER TABLE people RENAME TO persons")
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            await postgres.write([profile()])
    finally:
        await run(database, "ALTER TABLE persons RENAME TO people")


@pytest.mark.stack
async def test_a_closed_sink_is_unavailable(database: EmbeddedDatabase) -> None:
    sink = PostgresSink(database.url)
    with pytest.raises(SinkUnavailable, match="not connected"):
        await sink.write([award()])
    await sink.connect()
    await sink.close()
    await sink.close()
    with pytest.raises(SinkUnavailable, match="not connected"):
        await sink.write([award()])


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgresql://laurel:s3cret@127.0.0.1:1/awards", "PostgreSQL at 127.0.0.1:1/awards"),
        ("postgresql://laurel:s3cret@/awards?host=/nowhere&port=7", "PostgreSQL at /nowhere:7/awards"),
    ],
)
async def test_an_outage_names_the_place_and_never_the_password(dsn: str, place: str) -> None:
    with pytest.raises(SinkUnavailable) as caught:
        await PostgresSink(dsn, timeout_seconds=2).connect()

    assert str(caught.value).startswith(f"{place} cannot be reached: ")
    assert "s3cret" not in str(caught.value)


@pytest.mark.stack
async def test_a_database_that_no_waiting_mends_is_unusable(database: EmbeddedDatabase) -> None:
    sink = PostgresSink(database.url.replace("/postgres?", "/nowhere?"))

    with pytest.raises(UnusableDatabase, match=r"3D000.*nowhere"):
        await sink.connect()


@pytest.mark.parametrize("dsn", ["http://laurel:s3cret@db/awards", "postgresql://laurel:s3cret@db:port/awards"])
async def test_an_address_that_cannot_be_read_is_no_outage_and_stays_secret(dsn: str) -> None:
    with pytest.raises(UnusableDatabase) as caught:
        await PostgresSink(dsn).connect()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("dsn", ["postgresql://laurel:1/s3cret@db/", "postgresql://laurel:1#s3cret@db/"])
def test_a_password_that_is_not_escaped_stays_secret(dsn: str) -> None:
    assert PostgresSink(dsn).place == "PostgreSQL at an address that cannot be read"


@pytest.mark.stack
async def test_workers_that_start_at_once_do_not_collide(database: EmbeddedDatabase) -> None:
    await run(database, "CREATE DATABASE fresh")
    sinks = [PostgresSink(database.url.replace("/postgres?", "/fresh?")) for _ in range(6)]
    try:
        applied = await asyncio.gather(*(sink.connect() for sink in sinks))
        assert sorted(applied) == [[]] * 5 + [[step.name for step in migrations()]]
        assert await sinks[0].connect() == []
    finally:
        for sink in sinks:
            await sink.close()


@pytest.mark.stack
async def test_a_migration_that_fails_leaves_nothing_behind(database: EmbeddedDatabase) -> None:
    await run(database, "CREATE DATABASE half")
    pool = await asyncpg.create_pool(database.url.replace("/postgres?", "/half?"), min_size=1, max_size=1)
    good = Migration(number=1, name="0001_good", checksum="1", text="CREATE TABLE good ()")
    bad = Migration(number=2, name="0002_bad", checksum="2", text="CREATE TABLE bad (; )")
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await migrate(connection, [good, bad])
        assert await migrate(connection, [good]) == [good]
    await pool.close()


def test_only_what_is_missing_is_applied() -> None:
    known = {step.number: step.checksum for step in migrations()}

    assert pending(migrations(), {}) == list(migrations())
    assert pending(migrations(), known) == []


def test_a_database_newer_than_the_program_is_refused() -> None:
    known = {step.number: step.checksum for step in migrations()} | {len(migrations()) + 1: "x"}

    with pytest.raises(UnusableDatabase, match="newer Laurel"):
        pending(migrations(), known)


def test_a_migration_that_changed_after_it_was_applied_is_refused() -> None:
    with pytest.raises(UnusableDatabase, match="0001_awards was changed"):
        pending(migrations(), {1: "another"})


def test_each_query_has_a_name_and_a_sentence() -> None:
    with pytest.raises(KeyError):
        query("no_such_query")
    for name in ("upsert_awards", "ready", "list_migrations"):
        assert query(name).startswith("-- ")
        assert query(name).splitlines()[0].endswith(".")


@given(st.lists(st.sampled_from("abc")), st.randoms())
def test_the_twin_folds_as_it_writes(letters: list[str], random: random.Random) -> None:
    """A batch folded by key leaves what writing it one by one leaves."""
    items = [
        random.choice(
            list[Item](
                [
                    award(letter, revision=random.randint(1, 4)),
                    AwardGone(tenant=TENANT, learner=LearnerId(letter), award_id=award(letter).award_id),
                    profile(letter, event_id=random.choice("abc")),
                    ProfileGone(tenant=TENANT, learner=LearnerId(letter)),
                    standing(letter, have=random.randint(1, 4), decided_at=Instant(random.randint(1, 3))),
                    StandingGone(tenant=TENANT, learner=LearnerId(letter), credential=BADGE),
                ]
            )
        )
        for letter in letters
    ]
    one_by_one, folded = MemorySink(), fold(items)
    for item in items:
        asyncio.run(one_by_one.write([item]))

    assert folded.awards == one_by_one.awards
    assert folded.people == one_by_one.people
    assert folded.standings == one_by_one.standings

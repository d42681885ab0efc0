"""The laws of DESIGN.md, as properties."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rules.awards import Award
from rules.catalogue import Catalogue
from rules.facts import CourseFact, Fact
from rules.ledger import Status
from rules.replay import Replay
from tests.stories import NOW, TENANT, catalogues, events

Events = list[Fact | CourseFact]


def replayed(catalogue: Catalogue, events: Events) -> Replay:
    replay = Replay()
    replay.catalogue(catalogue, NOW)
    replay.facts(events)
    return replay


@given(catalogues(), events, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_lead_to_the_same_entitlements(
    catalogue: Catalogue, events: Events, random: Random
) -> None:
    """Law 1."""
    noisy = [*events, *random.choices(events, k=len(events))] if events else []
    random.shuffle(noisy)

    assert replayed(catalogue, noisy).entitlements(TENANT) == replayed(catalogue, events).entitlements(TENANT)


@given(catalogues(), catalogues(), events, st.integers(0, 25), st.integers(0, 25))
def test_a_catalogue_that_comes_late_gives_what_it_would_have_given_from_the_start(
    old: Catalogue, new: Catalogue, events: Events, first: int, second: int
) -> None:
    """Law 2."""
    late = Replay()
    late.facts(events[:first])
    late.catalogue(old, NOW)
    late.facts(events[first : first + second])
    late.catalogue(new, NOW)
    late.facts(events[first + second :])
    early = replayed(new, events)

    assert early.entitlements(TENANT) == late.entitlements(TENANT)
    assert derived(early) == derived(late)


def derived(replay: Replay) -> tuple[object, ...]:
    """What the facts table alone decides: course records, progress, and clauses in the ledger."""
    ledgers = {
        place: {clause: met for clause, met in ledger.clauses.items() if met}
        for place, ledger in replay.known.ledger.scan("")
    }
    progress = {
        place: (record.histories, {clause: met for clause, met in record.clauses.items() if met})
        for place, record in replay.known.progress.scan("")
    }
    judged = {place: clauses for place, clauses in ledgers.items() if clauses}
    return judged, progress


@given(catalogues(), events)
def test_every_award_names_the_events_that_met_its_criteria(catalogue: Catalogue, events: Events) -> None:
    """Law 3."""
    replay = replayed(catalogue, events)
    known_events = {event.statement.event_id for event in events}
    known_awards = {award.award_id for award in replay.awards} | milestones(replay)
    for award in [award for award in replay.awards if award.status is Status.AWARDED]:
        assert award.evidence
        for evidence in award.evidence:
            assert evidence.events or evidence.awards
            assert set(evidence.events) <= known_events
            assert set(evidence.awards) <= known_awards


def milestones(replay: Replay) -> set[str]:
    """The awards that the world does not hear of."""
    from rules.awards import award_id
    from rules.keys import LearnerId, LearnerKey, TenantId, parts

    found = set()
    for place, ledger in replay.known.ledger.scan(""):
        tenant, learner = parts(place)
        found |= {award_id(LearnerKey(TenantId(tenant), LearnerId(learner)), c) for c in ledger.entries}
    return found


@given(catalogues(), events)
def test_evidence_alone_is_enough_to_earn_the_award_again(catalogue: Catalogue, events: Events) -> None:
    """Law 3, from the other side: what is named as evidence of a badge was said, and by one of the learner's events."""
    replay = replayed(catalogue, events)
    learners = {e.statement.event_id: e.register.learner for e in events if isinstance(e, Fact)}
    for award in replay.awards:
        for evidence in award.evidence:
            assert {learners.get(event, award.learner) for event in evidence.events} <= {award.learner}


@given(catalogues(), events)
def test_revisions_count_up_by_one_and_never_say_the_same_twice(catalogue: Catalogue, events: Events) -> None:
    said: dict[str, Award] = {}
    for award in replayed(catalogue, events).awards:
        before = said.get(award.award_id)
        assert award.revision == (1 if before is None else before.revision + 1)
        if before is not None:
            assert (award.status, award.met_at, award.credential_version) != (
                before.status,
                before.met_at,
                before.credential_version,
            ) or award.status is Status.AWARDED
        said[award.award_id] = award


@given(catalogues(), events)
def test_saying_everything_again_says_nothing_new(catalogue: Catalogue, events: Events) -> None:
    replay = replayed(catalogue, events)
    before = list(replay.awards)
    replay.facts([replace(event, received_at=NOW) for event in events])
    replay.catalogue(catalogue, NOW)

    assert replay.awards == before

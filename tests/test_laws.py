"""The laws of DESIGN.md, as properties."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.awards import Award, CredentialKind, award_id
from rules.catalogue import Catalogue, Credential
from rules.course import CourseRecord, CourseView, how_far
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    Clause,
    Criterion,
    FinalGrade,
    Node,
    Not,
    TopicsCompleted,
    leaves,
)
from rules.facts import CourseFact, CourseKind, Fact, Kind
from rules.keys import CourseId, CredentialId, Instant, LearnerId, LearnerKey, TenantId, key, parts
from rules.ledger import Entry, Status
from rules.policies import Policy
from rules.replay import Replay
from rules.rulebook import Rulebook
from rules.spans import FOREVER, Span, normal
from rules.verdict import shown
from tests.oracle import Oracle
from tests.simulation.checks import is_backed
from tests.stories import (
    COURSES,
    DAY,
    LEARNERS,
    NOW,
    TENANT,
    badge,
    catalogue_of,
    catalogues,
    crowded,
    crowded_catalogue,
    crowded_events,
    events,
    fact,
    leaf_criteria,
    plain_catalogues,
)

Events = list[Fact | CourseFact]
Owed = tuple[LearnerKey, CredentialId]
Entries = dict[tuple[str, CredentialId], Entry]


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
    straight, shuffled = replayed(catalogue, events), replayed(catalogue, noisy)

    assert shuffled.entitlements(TENANT) == straight.entitlements(TENANT)
    assert derived(shuffled) == derived(straight)


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


def built(count: int) -> Catalogue:
    """Two badges, and one for so many of them."""
    one, two = (badge(name, FinalGrade(course=COURSES[0], at_least=bar)) for name, bar in (("one", 1), ("two", 9_000)))
    return catalogue_of(one, two, badge("built", Badges(at_least=count, of=(one.id, two.id))), version=count)


@pytest.mark.slow
@given(catalogues(), catalogues(), events, st.integers(0, 25))
@example(built(2), built(1), [fact(Kind.CALCULATED_GRADE, 1, 7_000)], 1)
def test_a_catalogue_that_comes_late_awards_what_it_would_have_awarded_from_the_start(
    old: Catalogue, new: Catalogue, events: Events, first: int
) -> None:
    """Law 2, where nothing that was said binds: under `revoke`."""
    late = replayed(revoking(old), events[:first])
    late.catalogue(revoking(new), NOW)
    late.facts(events[first:])

    assert awarded(late) == awarded(replayed(revoking(new), events))


def revoking(catalogue: Catalogue) -> Catalogue:
    credentials = tuple(replace(one, when_no_longer_met=Policy.REVOKE) for one in catalogue.credentials)
    return replace(catalogue, credentials=credentials)


def awarded(replay: Replay) -> set[str]:
    return {found for found, award in replay.in_force().items() if award.status is Status.AWARDED}


moments = st.lists(st.integers(0, 20).map(lambda day: Instant(day * DAY)), min_size=25, max_size=25).map(sorted)


@given(catalogues(), events, st.randoms(use_true_random=False), moments, moments)
def test_any_order_at_any_times_leads_to_the_same_statuses_but_for_what_the_ledger_alone_holds(
    catalogue: Catalogue, events: Events, random: Random, early: list[Instant], late: list[Instant]
) -> None:
    """Law 1 for what is said: from an empty ledger, and with the clock at the same time in the end."""
    shuffled = random.sample(events, len(events))
    one, other = heard(catalogue, events, early), heard(catalogue, shuffled, late)
    other.facts([replace(event, received_at=NOW) for event in events])
    apart = held_by_the_ledger(one) | held_by_the_ledger(other)

    assert {owed for owed, _ in statuses(one).items() ^ statuses(other).items()} <= apart


def heard(catalogue: Catalogue, events: Events, moments: list[Instant]) -> Replay:
    """Events that are heard of one by one at these times, and in the end it is now."""
    replay = Replay()
    replay.catalogue(catalogue, Instant(0))
    replay.facts([replace(event, received_at=moment) for event, moment in zip(events, moments, strict=False)])
    replay.advance(NOW)
    return replay


def statuses(replay: Replay) -> dict[Owed, Status]:
    """What is said of everyone now. What was said and never was so is as if it had not been said."""
    return {
        owed: entry.status
        for owed, entry in all_entries(replay).items()
        if entry.status is not None and not (entry.status is Status.REVOKED and entry.span is None)
    }


def held_by_the_ledger(replay: Replay) -> set[Owed]:
    """What binds because it was said, with what builds on it; only what is kept can bind."""
    rulebook = replay.known.clock.rulebook(TENANT)
    assert rulebook is not None
    due = replay.entitlements(TENANT)
    found: set[Owed] = set()
    for (who, credential), entry in all_entries(replay).items():
        if entry.held != normal(Span(*span[:2]) for span in due.get((who, credential), ())):
            builds_on_bound = any((who, badge) in found for badge in counted(rulebook, credential))
            assert builds_on_bound or rulebook.rules[credential].credential.when_no_longer_met is Policy.KEEP
            found.add((who, credential))
    return found


def counted(rulebook: Rulebook, credential: CredentialId) -> list[CredentialId]:
    leaf_badges = [leaf.of for leaf in leaves(rulebook.rules[credential].tree) if isinstance(leaf, Badges)]
    return [badge for of in leaf_badges for badge in of]


def all_entries(replay: Replay) -> dict[Owed, Entry]:
    """All that was said, what is built on before what builds on it."""
    rulebook = replay.known.clock.rulebook(TENANT)
    assert rulebook is not None
    found = {
        (LearnerKey(TENANT, LearnerId(parts(place)[1])), credential): entry
        for table in (replay.known.ledger, replay.of_certificates.ledger)
        for place, ledger in table.scan("")
        for credential, entry in ledger.entries.items()
    }
    return dict(sorted(found.items(), key=lambda item: rulebook.rules[item[0][1]].order))


def derived(replay: Replay) -> tuple[object, ...]:
    """What the facts alone decide: facts, courses, clauses in progress, in ledgers, and how far each clause is."""
    ledgers = {
        place: {clause: met for clause, met in ledger.clauses.items() if met}
        for place, ledger in replay.known.ledger.scan("")
    }
    progress = {
        place: (record.histories, {clause: met for clause, met in record.clauses.items() if met})
        for place, record in replay.known.progress.scan("")
    }
    courses = {place: (record.outline, record.release) for place, record in replay.known.courses.scan("")}
    judged = {place: clauses for place, clauses in ledgers.items() if clauses}
    return dict(replay.known.facts.scan("")), courses, judged, progress, nodes(replay)


def nodes(replay: Replay) -> dict[tuple[str, str], Node]:
    """How far each clause is, by learner and credential; where nothing was ever done is left out."""
    rulebook = replay.known.clock.rulebook(TENANT)
    assert rulebook is not None
    untouched = {
        clause: how_far(rule.criterion, nobody(replay, rule.course), NOW) for clause, rule in rulebook.clauses.items()
    }
    found: dict[tuple[str, str], Node] = {}
    for place, _ in replay.known.standings.scan(""):
        tenant, learner, credential = parts(place)
        for leaf in leaves(rulebook.rules[CredentialId(credential)].tree):
            if isinstance(leaf, Clause):
                progress = replay.known.progress.get(key(tenant, learner, rulebook.clauses[leaf.id].course))
                far = None if progress is None else progress.nodes.get(leaf.id)
                if far is not None and far != untouched[leaf.id]:
                    found[place, leaf.id] = far
    return found


def nobody(replay: Replay, course: CourseId) -> CourseView:
    return CourseView(histories={}, record=replay.known.courses.get(key(TENANT, course)) or CourseRecord())


@given(catalogues(), events)
def test_what_is_due_is_what_an_oracle_finds_that_judges_everything_anew_at_each_moment(
    catalogue: Catalogue, events: Events
) -> None:
    assert_due_as_the_oracle_says(catalogue, events)


@given(crowded(plain_catalogues()), crowded_events)
def test_what_is_due_for_each_condition_is_what_the_oracle_finds(catalogue: Catalogue, events: Events) -> None:
    assert_due_as_the_oracle_says(catalogue, events)


@given(crowded(catalogues()), crowded_events)
def test_what_is_due_where_everything_meets_in_one_course_is_what_the_oracle_finds(
    catalogue: Catalogue, events: Events
) -> None:
    assert_due_as_the_oracle_says(catalogue, events)


def assert_due_as_the_oracle_says(catalogue: Catalogue, events: Events) -> None:
    catalogue = without_terms(catalogue)
    due = replayed(catalogue, events).entitlements(TENANT)
    for learner in LEARNERS:
        oracle = Oracle.of(catalogue, learner, events)
        for credential in catalogue.credentials:
            found = due.get((LearnerKey(TENANT, learner), credential.id), ())
            assert [(s.since, None if s.until == FOREVER else s.until) for s in found] == oracle.due(credential.id)


@given(catalogues(), events)
def test_every_award_names_the_events_that_met_its_criteria(catalogue: Catalogue, events: Events) -> None:
    """Law 3."""
    replay = replayed(catalogue, events)
    known_events = {event.statement.event_id for event in events}
    known_awards = {award.award_id for award in replay.awards} | milestones(replay)
    for award in [award for award in replay.awards if award.status is Status.AWARDED]:
        assert award.evidence
        for evidence in award.evidence:
            assert is_backed(evidence)
            assert set(evidence.events) <= known_events
            assert set(evidence.awards) <= known_awards


def evident(criterion: Criterion) -> Criterion:
    """A condition that only more can meet: what must not be is asked for, and windows are left out."""
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return replace(criterion, parts=tuple(evident(part) for part in parts))
        case Before(of=of):
            return replace(criterion, of=evident(of))
        case Not(of=of):
            return evident(of)
        case Badges():
            return replace(criterion, within=None)
        case _:
            return criterion


def without_terms(catalogue: Catalogue) -> Catalogue:
    """Without grace and validity: what these make of spans has tests of its own, and the oracle does not know them."""
    return replace(
        catalogue, credentials=tuple(replace(one, grace=None, valid_for=None) for one in catalogue.credentials)
    )


def has_parts_of_its_own(credential: Credential) -> bool:
    """Whether a certificate has criteria that become milestones, which are lost as soon as they are not met."""
    is_certificate = credential.kind is CredentialKind.CERTIFICATE
    return is_certificate and not all(isinstance(leaf, Badges) for leaf in leaves(credential.criteria))


def judged_at_last(catalogue: Catalogue, events: Events) -> Replay:
    """All facts first, so that nothing is held by the ledger alone."""
    replay = Replay()
    replay.facts(events)
    replay.catalogue(catalogue, NOW)
    return replay


def behind(replay: Replay, award: Award) -> set[str]:
    """All events that stand behind an award, those behind the awards that it counts too."""
    entries: dict[str, Entry] = {}
    for place, ledger in (*replay.known.ledger.scan(""), *replay.of_certificates.ledger.scan("")):
        tenant, learner = parts(place)
        who = LearnerKey(TenantId(tenant), LearnerId(learner))
        entries |= {award_id(who, credential): entry for credential, entry in ledger.entries.items()}
    found: set[str] = set()
    look_at = list(award.evidence)
    while look_at:
        one = look_at.pop()
        found |= set(one.events)
        look_at += [inner for counted in one.awards for inner in entries[counted].evidence]
    return found


@pytest.mark.slow
@given(crowded(catalogues()), crowded_events)
def test_the_events_that_an_award_names_are_enough_for_it(catalogue: Catalogue, events: Events) -> None:
    """
    Law 3: whoever is shown the evidence, and nothing else, comes to the same.

    Where badges are kept: of one that was lost and earned again, the ledger knows by what it was earned last.
    """
    credentials = tuple(
        replace(one, criteria=evident(one.criteria), when_no_longer_met=Policy.KEEP) for one in catalogue.credentials
    )
    catalogue = without_terms(replace(catalogue, credentials=credentials))
    replay = judged_at_last(catalogue, events)
    lifted = {one.id for one in credentials if has_parts_of_its_own(one)}
    for award in [award for award in replay.in_force().values() if award.status is Status.AWARDED]:
        if award.credential in lifted:
            continue
        named = behind(replay, award)
        shown = [event for event in events if event.statement.event_id in named]
        assert award.award_id in awarded(judged_at_last(catalogue, shown))


@given(leaf_criteria, crowded_events)
def test_each_event_that_an_award_names_is_needed_for_it(criterion: Criterion, events: Events) -> None:
    """Law 3, where a condition asks for certain things: of any so many topics, more than enough may be there."""
    if isinstance(criterion, TopicsCompleted) and isinstance(criterion.topics, int):
        return
    # Where a course never speaks of release, grades count: without the event that released one, it would still count.
    events = [in_no_period(event) for event in events if not is_release(event)]
    catalogue = crowded_catalogue(catalogue_of(badge("one", criterion)))
    for award in [award for award in replayed(catalogue, events).in_force().values() if award.status is Status.AWARDED]:
        named = {event for one in award.evidence for event in one.events}
        for left_out in named:
            shown = [event for event in events if event.statement.event_id in named - {left_out}]
            assert award.award_id not in awarded(replayed(catalogue, shown))


def in_no_period(event: Fact | CourseFact) -> Fact | CourseFact:
    return replace(event, register=replace(event.register, period="")) if isinstance(event, Fact) else event


def is_release(event: Fact | CourseFact) -> bool:
    return isinstance(event, CourseFact) and event.kind is CourseKind.RELEASE


def milestones(replay: Replay) -> set[str]:
    """The awards that the world does not hear of."""
    found: set[str] = set()
    for place, ledger in replay.known.ledger.scan(""):
        tenant, learner = parts(place)
        who = LearnerKey(TenantId(tenant), LearnerId(learner))
        found |= {award_id(who, credential) for credential in ledger.entries}
    return found


@given(catalogues(), events)
def test_no_award_names_an_event_of_another_learner(catalogue: Catalogue, events: Events) -> None:
    """Law 3, from the other side: what is evidence was said of this learner, or of a course for everyone."""
    replay = replayed(catalogue, events)
    learners = {e.statement.event_id: e.register.learner for e in events if isinstance(e, Fact)}
    for award in replay.awards:
        for evidence in award.evidence:
            assert {learners.get(event, award.learner) for event in evidence.events} <= {award.learner}


GRADE_THAT_FELL_EARLIER_THAN_FIRST_SAID: tuple[Catalogue, Events] = (
    catalogue_of(badge("one", FinalGrade(course=COURSES[0], at_least=5_000), Policy.REVOKE)),
    [fact(Kind.CALCULATED_GRADE, time, value) for time, value in ((1, 7_000), (5, 0), (4, 0))],
)


@given(catalogues(), events)
@example(*GRADE_THAT_FELL_EARLIER_THAN_FIRST_SAID)
def test_revisions_count_up_by_one_exactly_when_the_status_or_its_span_changes(
    catalogue: Catalogue, events: Events
) -> None:
    replay = replayed(catalogue, [])
    told: dict[str, Award] = {}
    before: Entries = {}
    for event in events:
        replay.facts([event])
        now = entries(replay)
        for place, entry in now.items():
            old = before.get(place, Entry())
            is_news = shown(entry.status, entry.span) != shown(old.status, old.span)
            assert entry.revision - old.revision == is_news
        before = now
    for award in replay.awards:
        assert award.revision == (told[award.award_id].revision + 1 if award.award_id in told else 1)
        told[award.award_id] = award


def entries(replay: Replay) -> Entries:
    """All that was said of badges, by learner and credential."""
    return {
        (place, credential): entry
        for place, ledger in replay.known.ledger.scan("")
        for credential, entry in ledger.entries.items()
    }


@given(catalogues(), events)
def test_saying_everything_again_says_nothing_new(catalogue: Catalogue, events: Events) -> None:
    replay = replayed(catalogue, events)
    before = list(replay.awards)
    replay.facts([replace(event, received_at=NOW) for event in events])
    replay.catalogue(catalogue, NOW)

    assert replay.awards == before

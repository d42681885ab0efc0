"""What is said of an award, of what is due, of what was said before, and of what people did by hand."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.awards import Award, CredentialKind, Reason, award_id, message_id
from rules.criteria import Evidence, FinalGrade
from rules.keys import CourseId, CredentialId, Instant, LearnerId, LearnerKey, TenantId
from rules.ledger import Act, Entry, Status, held, status
from rules.lengths import Length
from rules.policies import Ending, Entitled, Entitlement, Policy, entitlement
from rules.rulebook import Rule
from rules.spans import FOREVER, NEVER, Span, Spans, holds_at
from rules.validity import Validity, until_day, until_next
from rules.verdict import Verdict, is_told, shown, verdict
from tests.stories import DAY, TENANT, badge, terms

KEEP, REVOKE = Policy.KEEP, Policy.REVOKE
AWARDED, REVOKED, EXPIRED = Status.AWARDED, Status.REVOKED, Status.EXPIRED
WHO = LearnerKey(TENANT, LearnerId("u-17"))


def grant(time: int) -> Act:
    return Act(time, 0, f"act-{time}", grants=True, who="registrar", why="transferred")


def revocation(time: int) -> Act:
    return Act(time, 0, f"act-{time}", grants=False, who="registrar", why="plagiarism")


def spans(*edges: tuple[int, int]) -> Spans:
    return tuple(Span(*edge) for edge in edges)


def ends(since: int, until: int, ending: Ending = Ending.LOST) -> Entitled:
    return Entitled(since, until, ending)


def days(count: int) -> Length:
    return Length(days=count)


def until(day: int) -> Validity:
    """Until the end of such a day of January 1970; its end is the beginning of the next."""
    return until_day(date(1970, 1, 1) + timedelta(days=day), UTC)


def next_day(day: int) -> Validity:
    return until_next(1, day + 1, UTC)


def days_met(*edges: tuple[int, int | None]) -> Spans:
    return tuple(Span(since * DAY, FOREVER if until is None else until * DAY) for since, until in edges)


def lost(since: int, until: int | None) -> Entitled:
    return Entitled(since * DAY, FOREVER if until is None else until * DAY, Ending.LOST)


def expires(since: int, until: int) -> Entitled:
    return Entitled(since * DAY, until * DAY, Ending.EXPIRED)


@dataclass(slots=True)
class Learner:
    """One learner with one badge: the ledger's entry, and all awards told."""

    policy: Policy
    grace: Length | None = None
    valid_for: Validity | None = None
    entry: Entry = field(default_factory=Entry)
    awards: list[Award] = field(default_factory=list)
    due_at: int | None = None

    def judged(self, met: Spans, time: int) -> list[tuple[int, Status, int | None]]:
        """Judge at that time; what was told since the last time, as (revision, status, met_at)."""
        said = self._verdict(met, time)
        self.entry, self.due_at = said.entry, said.due_at
        if said.award is None:
            return []
        self.awards.append(said.award)
        return [(said.award.revision, said.award.status, said.award.met_at)]

    def by_hand(self, act: Act) -> None:
        self.entry = replace(self.entry, acts=(*self.entry.acts, act))

    def _verdict(self, met: Spans, time: int) -> Verdict:
        credential = replace(
            badge("b", FinalGrade(course=CourseId("c"), at_least=7_000), self.policy),
            grace=self.grace,
            valid_for=self.valid_for,
        )
        rule = Rule(credential=credential, version="v1", tree=credential.criteria, order=0)

        def evidence_at(moment: int) -> tuple[Evidence, ...]:
            return (Evidence("final grade", (f"e{moment}",)),) if holds_at(met, moment) else ()

        return verdict(rule, self.entry, met, who=WHO, time=Instant(time), evidence_at=evidence_at)


@pytest.mark.parametrize(
    ("policy", "met", "due"),
    [
        (KEEP, spans(), ()),
        (KEEP, spans((2, 5), (7, 9)), (ends(2, FOREVER),)),
        (REVOKE, spans(), ()),
        (REVOKE, spans((2, 5), (7, FOREVER)), (ends(2, 5), ends(7, FOREVER))),
    ],
)
def test_a_policy_says_what_the_spans_of_the_criteria_entitle_to(policy: Policy, met: Spans, due: Entitlement) -> None:
    assert entitlement(policy, met) == due


@pytest.mark.parametrize(
    ("policy", "grace", "valid_for", "met", "due"),
    [
        # A length cuts what is due. Under `keep` that is once; under `revoke` each span has its own.
        (KEEP, None, days(3), days_met((2, None)), (expires(2, 5),)),
        (KEEP, None, days(3), days_met((2, 3), (9, None)), (expires(2, 5),)),
        (REVOKE, None, days(3), days_met((2, None)), (expires(2, 5),)),
        (REVOKE, None, days(3), days_met((2, 4), (9, None)), (lost(2, 4), expires(9, 12))),
        # What is lost at the very moment at which it would expire is lost.
        (REVOKE, None, days(3), days_met((2, 5)), (lost(2, 5),)),
        # A day ends for everyone: what is met after it is never due.
        (KEEP, None, until(5), days_met((2, None)), (expires(2, 6),)),
        (KEEP, None, until(5), days_met((6, None)), ()),
        (REVOKE, None, until(5), days_met((2, 3), (4, None), (7, 8)), (lost(2, 3), expires(4, 6))),
        # The next such day is that of the same year or of the year after.
        (REVOKE, None, next_day(5), days_met((2, 3), (4, None)), (lost(2, 3), expires(4, 6))),
        (KEEP, None, next_day(5), days_met((6, None)), (expires(6, 6 + 365),)),
        # Grace goes on where criteria have ended, and joins what is met again within it.
        (REVOKE, days(2), None, days_met((2, 4), (9, None)), (lost(2, 6), lost(9, None))),
        (REVOKE, days(2), None, days_met((2, 4), (5, 7), (9, 10)), (lost(2, 12),)),
        (REVOKE, days(2), None, days_met((2, 4), (6, 7)), (lost(2, 9),)),
        # Both: whichever comes first ends it, and a span that grace has joined is valid from its beginning.
        (REVOKE, days(2), days(3), days_met((2, 4)), (expires(2, 5),)),
        (REVOKE, days(2), days(9), days_met((2, 4)), (lost(2, 6),)),
        (REVOKE, days(2), days(3), days_met((2, 4), (5, None)), (expires(2, 5),)),
        (REVOKE, days(1), days(3), days_met((2, 3), (5, None)), (lost(2, 4), expires(5, 8))),
    ],
)
def test_validity_cuts_what_is_due_and_grace_lengthens_it(
    policy: Policy, grace: Length | None, valid_for: Validity | None, met: Spans, due: Entitlement
) -> None:
    assert entitlement(policy, met, grace=grace, valid_for=valid_for) == due


NOTHING = Entry()
SAID = Entry(revision=1, status=AWARDED, span=ends(3, FOREVER), said=ends(3, FOREVER))
LOST = Entry(revision=2, status=REVOKED, span=ends(3, 6), said=ends(3, FOREVER))


def acted(entry: Entry, *acts: Act) -> Entry:
    return replace(entry, acts=acts)


@pytest.mark.parametrize(
    ("policy", "due", "entry", "time", "expected"),
    [
        # Nothing is due, and nothing was ever said.
        (KEEP, (), NOTHING, 5, (None, None)),
        (REVOKE, (), NOTHING, 5, (None, None)),
        # What is due later is not said before its time, and is said at its very moment.
        (KEEP, (ends(5, FOREVER),), NOTHING, 4, (None, None)),
        (KEEP, (ends(5, FOREVER),), NOTHING, 5, (AWARDED, ends(5, FOREVER))),
        # The latest span that has begun counts; a span's end is no part of it.
        (REVOKE, (ends(1, 3), ends(5, 8)), NOTHING, 2, (AWARDED, ends(1, 3))),
        (REVOKE, (ends(1, 3), ends(5, 8)), NOTHING, 3, (REVOKED, ends(1, 3))),
        (REVOKE, (ends(1, 3), ends(5, 8)), NOTHING, 7, (AWARDED, ends(5, 8))),
        (REVOKE, (ends(1, 3), ends(5, 8)), NOTHING, 8, (REVOKED, ends(5, 8))),
        # A span says itself how it ends.
        (KEEP, (ends(1, 3, Ending.EXPIRED),), NOTHING, 3, (EXPIRED, ends(1, 3, Ending.EXPIRED))),
        (KEEP, (ends(1, 3, Ending.SUPERSEDED),), NOTHING, 3, (EXPIRED, ends(1, 3, Ending.SUPERSEDED))),
        # What was said binds under `keep`, and only there.
        (KEEP, (), SAID, 9, (AWARDED, ends(3, FOREVER))),
        (REVOKE, (), SAID, 9, (REVOKED, None)),
        (KEEP, (ends(2, FOREVER),), SAID, 9, (AWARDED, ends(2, FOREVER))),
        (KEEP, (ends(4, FOREVER),), SAID, 9, (AWARDED, ends(4, FOREVER))),
        (KEEP, (ends(4, 8, Ending.EXPIRED),), SAID, 9, (AWARDED, ends(3, FOREVER))),
        (KEEP, (ends(99, FOREVER),), SAID, 9, (AWARDED, ends(3, FOREVER))),
        # Under `revoke` the spans count, whatever was said.
        (REVOKE, (ends(3, 6),), SAID, 9, (REVOKED, ends(3, 6))),
        (REVOKE, (), LOST, 9, (REVOKED, None)),
        # A revocation by hand goes before everything, from its own time on.
        (KEEP, (ends(1, FOREVER),), acted(SAID, revocation(7)), 6, (AWARDED, ends(1, FOREVER))),
        (KEEP, (ends(1, FOREVER),), acted(SAID, revocation(7)), 7, (REVOKED, None)),
        (KEEP, (), acted(NOTHING, revocation(7)), 7, (REVOKED, None)),
        # A grant by hand is a span of its own.
        (KEEP, (), acted(NOTHING, grant(7)), 6, (None, None)),
        (KEEP, (), acted(NOTHING, grant(7)), 7, (AWARDED, ends(7, FOREVER))),
        (REVOKE, (ends(1, 3),), acted(LOST, grant(7)), 9, (AWARDED, ends(7, FOREVER))),
        # It goes on with a span that it falls into, and outlasts what is met and lost after it.
        (REVOKE, (ends(1, 8),), acted(NOTHING, grant(7)), 9, (AWARDED, ends(1, FOREVER))),
        (REVOKE, (ends(1, 7),), acted(NOTHING, grant(7)), 9, (AWARDED, ends(1, FOREVER))),
        (REVOKE, (ends(1, 3), ends(8, 9)), acted(NOTHING, grant(7)), 10, (AWARDED, ends(7, FOREVER))),
        (REVOKE, (ends(1, 3),), acted(NOTHING, grant(7)), 5, (REVOKED, ends(1, 3))),
        # The latest act counts, in the order of their stamps and not of their arrival.
        (KEEP, (), acted(NOTHING, revocation(5), grant(7)), 9, (AWARDED, ends(7, FOREVER))),
        (KEEP, (), acted(NOTHING, grant(7), revocation(5)), 9, (AWARDED, ends(7, FOREVER))),
        (KEEP, (), acted(SAID, grant(5), revocation(7)), 9, (REVOKED, None)),
    ],
)
def test_status_is_a_function_of_what_is_due_what_was_said_and_what_was_done_by_hand(
    policy: Policy, due: Entitlement, entry: Entry, time: int, expected: tuple[Status | None, Entitled | None]
) -> None:
    assert status(due, entry, policy, time) == expected


@pytest.mark.parametrize(
    ("policy", "valid_for", "due", "time", "expected"),
    [
        # A grant is valid for as long as what is earned on that day.
        (KEEP, days(3), (), 5, (AWARDED, expires(4, 7))),
        (KEEP, days(3), (), 7, (EXPIRED, expires(4, 7))),
        (REVOKE, until(5), (), 5, (AWARDED, expires(4, 6))),
        # It goes on with what it falls into, and ends when the later of both does.
        (KEEP, days(3), (expires(2, 5),), 6, (AWARDED, expires(2, 7))),
        (REVOKE, days(3), (lost(2, 5),), 6, (AWARDED, expires(2, 7))),
        (REVOKE, days(3), (lost(2, None),), 9, (AWARDED, lost(2, None))),
        (REVOKE, days(3), (expires(6, 9),), 8, (AWARDED, expires(4, 9))),
        # What was before it, and what comes after it, is apart.
        (REVOKE, days(3), (lost(1, 3), expires(8, 11)), 7, (EXPIRED, expires(4, 7))),
        (REVOKE, days(3), (lost(1, 3), expires(8, 11)), 8, (AWARDED, expires(8, 11))),
        # Of what is not valid any more nothing can be granted.
        (KEEP, until(3), (), 5, (None, None)),
        (KEEP, until(3), (expires(2, 4),), 5, (EXPIRED, expires(2, 4))),
    ],
)
def test_what_is_granted_by_hand_is_valid_for_as_long_as_what_is_earned(
    policy: Policy,
    valid_for: Validity,
    due: Entitlement,
    time: int,
    expected: tuple[Status | None, Entitled | None],
) -> None:
    granted = Entry(acts=(grant(4 * DAY),))

    assert status(due, granted, policy, time * DAY, valid_for=valid_for) == expected
    assert holds_at(held(due, granted, policy, valid_for=valid_for), time * DAY) is (expected[0] is AWARDED)


def test_a_grant_by_hand_renews_what_has_expired_and_was_kept() -> None:
    learner = Learner(KEEP, valid_for=days(10))
    learner.judged(days_met((3, None)), 4 * DAY)
    learner.judged(days_met((3, None)), 13 * DAY)
    learner.by_hand(grant(15 * DAY))

    assert learner.judged(days_met((3, None)), 15 * DAY) == [(3, AWARDED, 15 * DAY)]
    assert learner.awards[-1].expires_at == learner.due_at == 25 * DAY
    assert learner.entry.held == (Span(3 * DAY, 13 * DAY), Span(15 * DAY, 25 * DAY))


def test_who_keeps_keeps_also_when_the_grade_falls() -> None:
    learner = Learner(KEEP)

    assert learner.judged(spans((3, FOREVER)), 4) == [(1, AWARDED, 3)]
    assert learner.judged(spans((3, 6)), 7) == []
    assert learner.entry.held == spans((3, FOREVER))


def test_what_was_lost_is_revoked_and_met_again_is_the_same_award_with_a_higher_revision() -> None:
    learner = Learner(REVOKE)

    assert learner.judged(spans((3, FOREVER)), 4) == [(1, AWARDED, 3)]
    assert learner.judged(spans((3, 6)), 7) == [(2, REVOKED, 3)]
    assert learner.judged(spans((3, 6), (8, FOREVER)), 9) == [(3, AWARDED, 8)]
    assert len({award.award_id for award in learner.awards}) == 1
    assert [award.reason for award in learner.awards] == [Reason.MET, Reason.NO_LONGER_MET, Reason.MET]
    assert [award.evidence for award in learner.awards] == [
        (Evidence("final grade", ("e3",)),),
        (),
        (Evidence("final grade", ("e8",)),),
    ]
    assert learner.entry.held == spans((3, 6), (8, FOREVER))


@pytest.mark.parametrize("policy", Policy)
def test_a_late_fact_that_moves_the_beginning_is_a_revision(policy: Policy) -> None:
    learner = Learner(policy)
    learner.judged(spans((5, FOREVER)), 9)

    assert learner.judged(spans((3, FOREVER)), 9) == [(2, AWARDED, 3)]
    assert learner.awards[-1].evidence == (Evidence("final grade", ("e3",)),)


def test_what_was_said_binds_under_keep_when_facts_show_that_it_was_never_met() -> None:
    learner = Learner(KEEP)
    learner.judged(spans((3, FOREVER)), 4)

    assert learner.judged(NEVER, 7) == []
    assert learner.entry.evidence == (Evidence("final grade", ("e3",)),)
    assert learner.entry.held == spans((3, FOREVER))


def test_what_was_never_met_after_all_is_taken_back_under_revoke() -> None:
    learner = Learner(REVOKE)
    learner.judged(spans((3, FOREVER)), 4)

    assert learner.judged(NEVER, 7) == [(2, REVOKED, None)]
    assert learner.judged(NEVER, 9) == []
    assert learner.entry.held == NEVER


@pytest.mark.parametrize("ending", Ending)
def test_what_has_ended_by_the_clock_is_said_once_also_where_the_criteria_know_nothing_of_it_any_more(
    ending: Ending,
) -> None:
    learner = Learner(KEEP)
    awarded = Entry(revision=1, status=AWARDED, span=ends(3, 8, ending), said=ends(3, 8, ending))
    learner.entry = awarded

    assert (learner.judged(NEVER, 5), learner.due_at) == ([], 8)
    assert learner.judged(NEVER, 8) == [(2, REVOKED if ending is Ending.LOST else Status.EXPIRED, 3)]
    assert learner.judged(NEVER, 9) == []


def test_what_is_met_in_the_future_is_awarded_when_its_time_comes() -> None:
    learner = Learner(REVOKE)
    met = spans((5, 8), (10, FOREVER))

    told = {}
    time: int | None = 2
    while time is not None:
        told[time] = learner.judged(met, time)
        time = learner.due_at

    assert told == {2: [], 5: [(1, AWARDED, 5)], 8: [(2, REVOKED, 5)], 10: [(3, AWARDED, 10)]}


def test_under_keep_only_the_first_beginning_is_waited_for() -> None:
    learner = Learner(KEEP)

    assert (learner.judged(spans((5, 8), (10, 12)), 2), learner.due_at) == ([], 5)
    assert (learner.judged(spans((5, 8), (10, 12)), 5), learner.due_at) == ([(1, AWARDED, 5)], None)


def test_who_was_granted_an_award_by_hand_has_it_from_then_on() -> None:
    learner = Learner(REVOKE)
    learner.by_hand(grant(5))

    assert learner.judged(NEVER, 6) == [(1, AWARDED, 5)]
    assert learner.awards[-1].reason is Reason.GRANTED
    assert learner.entry.held == spans((5, FOREVER))


def test_what_was_revoked_by_hand_is_not_met_again_but_can_be_granted_again() -> None:
    learner = Learner(KEEP)
    learner.judged(spans((3, FOREVER)), 4)
    learner.by_hand(revocation(6))

    assert learner.judged(spans((3, FOREVER)), 6) == [(2, REVOKED, None)]
    assert learner.awards[-1].reason is Reason.REVOKED
    assert learner.judged(spans((2, FOREVER)), 7) == []
    assert learner.entry.held == spans((2, 6))

    learner.by_hand(grant(9))
    assert learner.judged(spans((2, FOREVER)), 9) == [(3, AWARDED, 2)]
    assert learner.entry.held == spans((2, 6), (9, FOREVER))


def test_the_evidence_of_a_grant_by_hand_is_the_act_and_not_what_is_no_longer_met() -> None:
    learner = Learner(REVOKE)
    learner.judged(spans((3, FOREVER)), 4)
    learner.judged(NEVER, 5)
    learner.by_hand(grant(6))
    learner.judged(NEVER, 6)

    assert [award.evidence for award in learner.awards[1:]] == [(), (Evidence("granted by hand", ("act-6",)),)]


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ((grant(2), revocation(5)), spans((2, 5))),
        ((revocation(5), grant(2)), spans((2, 5))),
        ((revocation(2), revocation(4), grant(7)), spans((7, FOREVER))),
        ((grant(2), grant(4)), spans((2, FOREVER))),
        ((revocation(3), grant(3)), spans((3, FOREVER))),
    ],
)
def test_held_leaves_out_the_time_from_a_revocation_to_the_next_grant(acts: tuple[Act, ...], expected: Spans) -> None:
    if acts[0].occurred_at == acts[1].occurred_at:
        acts = (acts[0], acts[1]._replace(sequence=1))

    assert held((), Entry(acts=acts), KEEP) == expected


times = st.integers(0, 12).map(lambda day: day * DAY)
met_spans = st.lists(times, unique=True, max_size=6).map(
    lambda edges: tuple(Span(a, b) for a, b in zip(sorted(edges)[::2], [*sorted(edges), FOREVER][1::2], strict=False))
)
acts = st.builds(Act, times, st.just(0), st.integers(0, 99).map(str), st.booleans(), st.just("w"), st.just("y"))
# What the criteria give each time, how much later it is than the last time, and what was done by hand in between.
Judging = tuple[Spans, int, Act | None]
passing = st.integers(0, 3).map(lambda days: days * DAY)
judgings = st.lists(st.tuples(met_spans, passing, st.one_of(st.none(), st.none(), acts)), max_size=8)
learners = terms().map(lambda said: Learner(said["when_no_longer_met"], said["grace"], said["valid_for"]))


@given(learners, judgings)
def test_the_revision_goes_up_by_one_exactly_when_there_is_something_else_to_say(
    learner: Learner, judgings: list[Judging]
) -> None:
    time = 0
    for met, passed, act in judgings:
        before, time = learner.entry, time + passed
        if act is not None:
            learner.by_hand(act)
        told = learner.judged(met, time)
        now = learner.entry
        is_news = shown(now.status, now.span) != shown(before.status, before.span)
        assert now.revision - before.revision == is_news == len(told)
        assert learner.judged(met, time) == []


@given(learners, judgings)
def test_an_award_stands_exactly_while_its_badge_is_held(learner: Learner, judgings: list[Judging]) -> None:
    time = 0
    for met, passed, act in judgings:
        time += passed
        if act is not None:
            learner.by_hand(act)
        learner.judged(met, time)
        assert (learner.entry.status is AWARDED) == holds_at(learner.entry.held, time)


def test_what_was_granted_by_hand_stays_when_criteria_are_met_and_lost_afterwards() -> None:
    learner = Learner(REVOKE)
    learner.by_hand(grant(3))
    learner.judged(spans((5, 7)), 8)

    assert holds_at(learner.entry.held, 8)
    assert learner.entry.status is AWARDED


def test_what_is_revoked_never_says_that_it_was_granted() -> None:
    learner = Learner(REVOKE)
    learner.by_hand(grant(3))
    learner.judged(spans((5, 7)), 8)

    assert (learner.awards[-1].status, learner.awards[-1].reason) != (REVOKED, Reason.GRANTED)


def test_an_act_dated_in_the_future_is_waited_for() -> None:
    learner = Learner(KEEP)
    learner.by_hand(grant(5))
    learner.judged(NEVER, 2)

    assert learner.due_at == 5


def test_what_was_taken_back_under_revoke_is_not_given_again_because_the_policy_became_keep() -> None:
    learner = Learner(REVOKE)
    learner.judged(spans((3, FOREVER)), 4)
    learner.judged(spans((3, 6)), 7)
    learner.policy = KEEP

    learner.judged(NEVER, 9)

    assert [award.status for award in learner.awards[1:]] == [REVOKED]
    assert learner.entry.status is REVOKED
    assert learner.entry.held == spans((3, 6))


def test_an_award_carries_what_was_decided() -> None:
    learner = Learner(KEEP)
    learner.judged(spans((3, FOREVER)), 4)

    assert learner.awards == [
        Award(
            award_id=award_id(WHO, CredentialId("b")),
            revision=1,
            status=AWARDED,
            kind=CredentialKind.BADGE,
            credential=CredentialId("b"),
            credential_version="v1",
            tenant=TENANT,
            learner=LearnerId("u-17"),
            met_at=Instant(3),
            expires_at=None,
            decided_at=Instant(4),
            reason=Reason.MET,
            evidence=(Evidence("final grade", ("e3",)),),
        )
    ]
    assert is_told(learner.awards[0])
    assert not is_told(replace(learner.awards[0], kind=CredentialKind.MILESTONE))


def test_award_ids_are_what_they_have_always_been() -> None:
    """A change here renames every award ever made: it must never be mended by changing the test."""
    plain = award_id(LearnerKey(TenantId("t1"), LearnerId("u-17")), CredentialId("data-literacy"))
    iri = award_id(LearnerKey(TenantId("t/1"), LearnerId("https://id.example/ü")), CredentialId("sql"), "2024/autumn")

    assert plain == "c3a64805-384b-58ed-9ebc-2acde7dcb5da"
    assert iri == "d781d68d-1790-54ca-a3d1-e240eaa93b06"


def test_message_ids_are_what_they_have_always_been() -> None:
    learner = Learner(REVOKE)
    learner.judged(spans((3, FOREVER)), 4)
    learner.judged(spans((3, 6)), 7)

    assert [message_id(award) for award in learner.awards] == [
        "07e508ce-99fb-51b8-9010-afbbe4f66834",
        "5d4588cb-05dc-5618-9604-4deb92480de5",
    ]


ids = st.tuples(*[st.text(alphabet="a/%", max_size=3)] * 4)


@given(ids, ids)
def test_no_two_awards_share_an_id(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (_id(*one) == _id(*other)) == (one == other)
    assert UUID(_id(*one)).version == 5


def _id(tenant: str, learner: str, credential: str, occurrence: str) -> str:
    return award_id(LearnerKey(TenantId(tenant), LearnerId(learner)), CredentialId(credential), occurrence)

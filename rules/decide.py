"""What a record in a facts partition changes and what it earns: the whole judgement of the progress agent."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rules.awards import ByHand, Erasure, Named
from rules.erasure import erase, is_erased
from rules.facts import CourseFact, CourseKind, Fact, Kind
from rules.histories import changed_from, joined, joined_course, joined_earliest
from rules.judging import (
    bring_course_up_to_date,
    bring_up_to_date,
    judge_by_hand,
    judge_register,
    look_again,
)
from rules.keys import CourseId, LearnerId, LearnerKey, key, parts, prefix
from rules.known import AT_ONCE, Control, Known, Walk
from rules.ledger import Entry, Ledger, joined_act

# Behind every key that begins with what is before it: keys are ASCII.
LAST = "\x7f"


def decide_fact(known: Known, fact: Fact) -> None:
    """
    Join one fact into what is known of a learner, and say what follows.

    Knowledge is a set, so a fact seen again, or late, leads to the same spans.
    """
    advance(known, fact.received_at)
    about = fact.register
    if is_erased(known.clock, LearnerKey(about.tenant, about.learner)):
        known.decisions.passed_over += 1
        return
    place = key(about.tenant, about.learner, about.course, about.kind, about.object, about.period)
    history = known.facts.get(place)
    join = joined_earliest if about.kind is Kind.PARTICIPATED else joined
    longer = join(history or (), fact.statement)
    if longer == history:
        return
    known.facts.put(place, longer)
    rulebook = known.clock.rulebook(about.tenant)
    since = changed_from(history or (), longer, fact.statement)
    was_known = rulebook is not None and judge_register(known, rulebook, about, longer, since)
    if history is None and not was_known:
        known.enrolled.put(key(about.tenant, about.course, about.learner), True)


def decide_course_fact(known: Known, fact: CourseFact) -> None:
    """Join one fact about a course; if rules ask about it, a walk over its learners begins."""
    advance(known, fact.received_at)
    place = key(fact.tenant, fact.course)
    record = known.course(fact.tenant, fact.course)
    by_period = record.outline if fact.kind is CourseKind.OUTLINE else record.release
    history = by_period.get(fact.period, ())
    longer = joined_course(history, fact.statement)
    if longer == history:
        return
    by_period[fact.period] = longer
    record.revision += 1
    known.courses.put(place, record)
    rulebook = known.clock.rulebook(fact.tenant)
    if rulebook is not None and rulebook.asked_of_course(fact.course, fact.kind):
        walk = Walk(tenant=fact.tenant, course=fact.course)
        known.clock.control.put(key("walk", fact.tenant, "course", fact.course), Control(walk=walk))


def decide_by_hand(known: Known, done: ByHand) -> None:
    """
    Take in what a person did, and say what follows; the same again changes nothing.

    It is kept whatever the credential is. Of certificates, the certificates agent is told; what no catalogue names
    waits until one does.
    """
    advance(known, done.received_at)
    who, rulebook = LearnerKey(done.tenant, done.learner), known.clock.rulebook(done.tenant)
    if is_erased(known.clock, who):
        known.decisions.passed_over += 1
        return
    if rulebook is not None:
        bring_up_to_date(known, rulebook, who)
    ledger = known.ledger.get(str(who)) or Ledger()
    entry = ledger.entries.get(done.credential) or Entry()
    acts = joined_act(entry.acts, done.act)
    if acts == entry.acts:
        return
    ledger.entries[done.credential] = replace(entry, acts=acts)
    known.ledger.put(str(who), ledger)
    # Who has no fact yet is walked as well when the catalogue changes: they are in no course, and that is one too.
    known.enrolled.put(key(done.tenant, "", done.learner), True)
    if rulebook is not None:
        judge_by_hand(known, rulebook, who, ledger, done)


def decide_named(known: Known, named: Named) -> None:
    """Intake has told what somebody is called; of who was erased it is taken back."""
    advance(known, named.received_at)
    who = LearnerKey(named.tenant, named.learner)
    if is_erased(known.clock, who):
        known.decisions.passed_over += 1
        known.decisions.names_gone[who] = None


def decide_erasure(known: Known, erasure: Erasure) -> None:
    """Remove all that is known of a learner, for good."""
    advance(known, erasure.received_at)
    erase(known, erasure)


def decide_catalogue(known: Known, document: dict[str, Any], received_at: int) -> bool:
    """
    Put a catalogue in force from here on; a walk over all its tenant's learners begins. False: it was already.

    Raises what `Clock.put_in_force` raises, for a catalogue that was not checked.
    """
    advance(known, received_at)
    catalogue, changed = known.clock.put_in_force(document)
    if changed:
        known.clock.control.put(key("walk", catalogue.tenant, "all"), Control(walk=Walk(tenant=catalogue.tenant)))
        if next(known.enrolled.scan(prefix(catalogue.tenant, "")), None) is not None:
            outside = Walk(tenant=catalogue.tenant, course=CourseId(""))
            known.clock.control.put(key("walk", catalogue.tenant, "course", ""), Control(walk=outside))
    return changed


def decide_clock(known: Known, time: int, *, is_set: bool) -> bool:
    """
    Hear that it is that time; says whether it was believed.

    A jump is believed only where a person has set it: a machine whose clock is a year ahead would end for good what
    ends within the year.
    """
    if not is_set and known.clock.is_jump(time):
        return False
    known.clock.hear(time)
    advance(known, time)
    return True


def advance(known: Known, time: int) -> None:
    """Let the time be known, and look at what was due by then: where that is much, at the rest by `look_on`."""
    before = known.clock.time
    # While some of it is left from before, nobody is looked at here: the next fact must not pay for all of them.
    if known.clock.advance(time) and not known.agenda.is_due(before):
        look_on(known, AT_ONCE)


def look_on(known: Known, learners: int) -> int:
    """Look at so many of those who are due by now; says at how many it looked."""
    due = known.agenda.take(known.clock.time, learners)
    for who in due:
        rulebook, ledger = known.clock.rulebook(who.tenant), known.ledger.get(str(who))
        if rulebook is not None and ledger is not None:
            look_again(known, rulebook, who, ledger)
    return len(due)


def is_behind(known: Known) -> bool:
    """Whether somebody is due by now who was not looked at yet."""
    return known.agenda.is_due(known.clock.time)


def walks(known: Known) -> list[tuple[str, Walk]]:
    """The walks that are under way in this partition."""
    return [(place, record.walk) for place, record in known.clock.control.scan("walk/") if record.walk is not None]


def walk_on(known: Known, place: str, walk: Walk, learners: int) -> int:
    """Go on with one walk for at most so many learners; says how many it looked at. At its end it is gone."""
    rulebook = known.clock.rulebook(walk.tenant)
    done = 0
    for after, learner in _walked(known, walk) if rulebook is not None else ():
        if rulebook is None or done == learners:
            break
        if walk.course is None:
            bring_up_to_date(known, rulebook, LearnerKey(walk.tenant, learner))
        else:
            bring_course_up_to_date(known, rulebook, LearnerKey(walk.tenant, learner), walk.course)
        walk = Walk(tenant=walk.tenant, course=walk.course, after=after)
        done += 1
    if done == learners:
        known.clock.control.put(place, Control(walk=walk))
    else:
        known.clock.control.delete(place)
    return done


def _walked(known: Known, walk: Walk) -> Iterator[tuple[str, LearnerId]]:
    """The learners that a walk still has before it, each with the key behind which the walk goes on."""
    if walk.course is not None:
        for place, _ in known.enrolled.scan(prefix(walk.tenant, walk.course), walk.after):
            yield place, LearnerId(parts(place)[2])
        return
    after = walk.after
    while found := next(known.facts.scan(prefix(walk.tenant), after), None):
        learner = LearnerId(parts(found[0])[1])
        after = prefix(walk.tenant, learner) + LAST
        yield after, learner

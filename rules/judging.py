"""Judging a learner: clauses by course, then credentials by clauses, then what builds on them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from heapq import heapify, heappop, heappush

from rules.awards import ByHand, Held, UpToDate
from rules.course import CourseRecord, CourseView, Histories, judgement
from rules.facts import Kind, Register
from rules.histories import History
from rules.keys import ClauseId, CourseId, CredentialId, LearnerKey, key, parts, prefix
from rules.known import CourseProgress, Known
from rules.ledger import Act, Entry, Ledger
from rules.nesting import evidence, spans
from rules.rulebook import Rulebook
from rules.spans import FOREVER
from rules.telling import forget, tell_badges, tell_clause, tell_deadlines, tell_ledger, tell_status
from rules.tree import TreeView
from rules.verdict import is_told, verdict


def judge_register(known: Known, rulebook: Rulebook, register: Register, history: History, changed_from: int) -> bool:
    """
    Judge the clauses that one register can change, or more where what is known is stale.

    `changed_from` is the time from which on its history is not what it was. Says whether rules knew of this
    learner in this course before.
    """
    who, course = LearnerKey(register.tenant, register.learner), register.course
    touched: Iterable[ClauseId] = rulebook.asked(course, register.kind, register.object)
    if not touched:
        return False
    place = key(*who, course)
    progress = known.progress.get(place)
    was_known = progress is not None
    record = known.course(who.tenant, course)
    if progress is None or progress.judged_under != rulebook.digest:
        if bring_up_to_date(known, rulebook, who):
            return was_known
        # The learner is up to date, so nothing was asked about in this course until now.
        progress = CourseProgress(judged_under=rulebook.digest, course_revision=record.revision)
    progress.histories.setdefault(register.kind, {}).setdefault(register.object, {})[register.period] = history
    if progress.course_revision != record.revision:
        touched, changed_from = rulebook.by_course[course], -FOREVER
        progress.course_revision = record.revision
    _judge_clauses(known, rulebook, who, place, progress, record, touched, changed_from)
    return was_known


def bring_course_up_to_date(known: Known, rulebook: Rulebook, who: LearnerKey, course: CourseId) -> None:
    """Judge one course of a learner again, if the course has changed since."""
    place = key(*who, course)
    progress = known.progress.get(place)
    record = known.course(who.tenant, course)
    if progress is None or progress.judged_under != rulebook.digest:
        bring_up_to_date(known, rulebook, who)
    elif progress.course_revision != record.revision:
        progress.course_revision = record.revision
        _judge_clauses(known, rulebook, who, place, progress, record, rulebook.by_course.get(course, ()))


def bring_up_to_date(known: Known, rulebook: Rulebook, who: LearnerKey) -> bool:
    """
    Judge all that is known of a learner under the catalogue in force; says whether they were behind.

    The whole learner at once: a clause not yet judged under this catalogue is then never taken as false.
    """
    ledger = known.ledger.get(str(who))
    if ledger is not None and ledger.judged_under == rulebook.digest:
        return False
    if ledger is None:
        # Nothing was ever judged, and so there is nothing to take back.
        ledger = Ledger()
    else:
        forget(known, who)
        for place, _ in list(known.progress.scan(prefix(*who))):
            known.progress.delete(place)
    ledger.judged_under = rulebook.digest
    ledger.clauses = {}
    for course, histories in asked_histories(known, rulebook, who).items():
        record = known.course(who.tenant, course)
        progress = CourseProgress(judged_under=rulebook.digest, course_revision=record.revision, histories=histories)
        changed = _met(known, rulebook, who, progress, record, rulebook.by_course[course])
        ledger.clauses.update({clause: progress.clauses[clause] for clause in changed})
        known.progress.put(key(*who, course), progress)
    asked = {credential for clause in ledger.clauses for credential in rulebook.clauses[clause].credentials}
    # What builds on badges that are held already: of those nothing changes, and yet it may be due from here on.
    builders = {builder for badge in ledger.entries for builder in rulebook.by_badge.get(badge, ())}
    decide(known, rulebook, who, ledger, asked | builders | set(ledger.entries), judged_under="")
    tell_ledger(known, rulebook, _view(who, ledger), ledger)
    for credential in sorted(ledger.entries.keys() & rulebook.certificates):
        for act in ledger.entries[credential].acts:
            _pass_on(known, who, credential, act)
    if ledger.entries:
        _tell_up_to_date(known, rulebook, who)
    return True


def judge_by_hand(known: Known, rulebook: Rulebook, who: LearnerKey, ledger: Ledger, done: ByHand) -> None:
    """Decide a badge that a person has granted or revoked, or pass on what they did about a certificate."""
    if done.credential in rulebook.badges:
        decide(known, rulebook, who, ledger, [done.credential], judged_under=rulebook.digest)
    elif done.credential in rulebook.certificates:
        _pass_on(known, who, done.credential, done.act)
        # They may hold nothing at all; of whom the certificates agent has not heard it decides nothing.
        _tell_up_to_date(known, rulebook, who)


def _pass_on(known: Known, who: LearnerKey, credential: CredentialId, act: Act) -> None:
    done = ByHand(tenant=who.tenant, learner=who.learner, credential=credential, act=act, received_at=known.clock.time)
    known.decisions.held.append(done)


def _tell_up_to_date(known: Known, rulebook: Rulebook, who: LearnerKey) -> None:
    said = UpToDate(tenant=who.tenant, learner=who.learner, judged_under=rulebook.digest, received_at=known.clock.time)
    known.decisions.held.append(said)


def look_again(known: Known, rulebook: Rulebook, who: LearnerKey, ledger: Ledger) -> None:
    """Decide everything of a learner because a time has come: nothing new was said, but what counts has changed."""
    if bring_up_to_date(known, rulebook, who):
        return
    for place, progress in list(known.progress.scan(prefix(*who))):
        course = CourseId(parts(place)[2])
        record = known.course(who.tenant, course)
        _judge_clauses(known, rulebook, who, place, progress, record, rulebook.by_course.get(course, ()))
    decide(known, rulebook, who, ledger, list(ledger.entries), judged_under=rulebook.digest)


def decide(
    known: Known,
    rulebook: Rulebook,
    who: LearnerKey,
    ledger: Ledger,
    credentials: Iterable[CredentialId],
    *,
    judged_under: str,
) -> None:
    """
    Decide these credentials and what builds on them, and write down what was said.

    `judged_under` is empty while there is more to come of this learner before they are up to date.
    """
    view = _view(who, ledger)
    chosen = set(credentials) & rulebook.badges
    for credential in chosen:
        tell_deadlines(known, rulebook, who, credential)
    # The first in order comes first; what builds on it comes later, so nothing is decided twice.
    undecided = [(rulebook.rules[credential].order, credential) for credential in chosen]
    heapify(undecided)
    before = len(known.decisions.held)
    while undecided:
        _, credential = heappop(undecided)
        if _decide_one(known, rulebook, view, ledger, credential, judged_under):
            view.held[credential] = ledger.entries[credential].held
            for dependent in rulebook.by_badge.get(credential, ()):
                if dependent in rulebook.badges:
                    tell_badges(known, rulebook, view, dependent)
                    tell_deadlines(known, rulebook, who, dependent)
                    if dependent not in chosen:
                        chosen.add(dependent)
                        heappush(undecided, (rulebook.rules[dependent].order, dependent))
    if len(known.decisions.held) > before + 1:
        found = [one for one in known.decisions.held[before:] if isinstance(one, Held)]
        together = tuple(one.credential for one in found)
        known.decisions.held[before:] = [replace(one, together=together) for one in found]
    known.ledger.put(str(who), ledger)


def _decide_one(
    known: Known, rulebook: Rulebook, view: TreeView, ledger: Ledger, credential: CredentialId, judged_under: str
) -> bool:
    """Decide one credential; says whether what was said of it, or when it is held, has changed."""
    rule, who = rulebook.rules[credential], view.who
    entry = ledger.entries.get(credential) or Entry()
    said = verdict(
        rule,
        entry,
        spans(rule.tree, view.spans),
        who=who,
        time=known.clock.time,
        evidence_at=lambda time: evidence(rule.tree, time, view.spans, view.said),
    )
    if said.due_at is not None:
        known.agenda.add(said.due_at, who)
    if said.entry == entry:
        return False
    ledger.entries[credential] = said.entry
    tell_status(known, who, credential, said.entry.status)
    if said.award is not None and is_told(said.award):
        known.decisions.awards.append(said.award)
    known.decisions.held.append(
        Held(
            tenant=who.tenant,
            learner=who.learner,
            credential=credential,
            spans=said.entry.held,
            judged_under=judged_under,
            received_at=known.clock.time,
        )
    )
    return True


def _judge_clauses(
    known: Known,
    rulebook: Rulebook,
    who: LearnerKey,
    place: str,
    progress: CourseProgress,
    record: CourseRecord,
    touched: Iterable[ClauseId],
    changed_from: int = -FOREVER,
) -> None:
    """Judge these clauses anew; the ledger is opened only when the spans of one have changed."""
    changed = _met(known, rulebook, who, progress, record, touched, changed_from)
    known.progress.put(place, progress)
    if changed:
        ledger = known.ledger.get(str(who)) or Ledger(judged_under=rulebook.digest)
        for clause in changed:
            ledger.clauses[clause] = progress.clauses[clause]
        credentials = {credential for clause in changed for credential in rulebook.clauses[clause].credentials}
        decide(known, rulebook, who, ledger, credentials, judged_under=rulebook.digest)


def _met(
    known: Known,
    rulebook: Rulebook,
    who: LearnerKey,
    progress: CourseProgress,
    record: CourseRecord,
    touched: Iterable[ClauseId],
    changed_from: int = -FOREVER,
) -> list[ClauseId]:
    """Judge these clauses of one course, tell how far each is, and name those whose spans have changed."""
    view = CourseView(histories=progress.histories, record=record)
    changed: list[ClauseId] = []
    for clause in touched:
        rule = rulebook.clauses[clause]
        before = progress.clauses.get(clause, ())
        met, far = judgement(rule.criterion, view, known.clock.time, before=before, changed_from=changed_from)
        if met != before:
            progress.clauses[clause] = met
            changed.append(clause)
        tell_clause(known, who, rule, progress, far)
    return changed


def asked_histories(known: Known, rulebook: Rulebook, who: LearnerKey) -> dict[CourseId, Histories]:
    """All that was said of a learner and that rules ask about, by course."""
    found: dict[CourseId, Histories] = defaultdict(dict)
    for place, history in known.facts.scan(prefix(*who)):
        _, _, course, kind, thing, period = parts(place)
        if rulebook.asked(CourseId(course), Kind(kind), thing):
            found[CourseId(course)].setdefault(kind, {}).setdefault(thing, {})[period] = history
    return found


def _view(who: LearnerKey, ledger: Ledger) -> TreeView:
    held = {credential: entry.held for credential, entry in ledger.entries.items()}
    return TreeView(who=who, clauses=ledger.clauses, held=held)

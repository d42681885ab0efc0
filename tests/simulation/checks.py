"""What must be so when all has come to rest: each check gives a sentence for whatever is not."""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain
from typing import Any

from faust.types import TP

from laurel.demo.results import compare
from rules import certify, decide, telling
from rules.awards import Standing, award_id
from rules.criteria import Evidence, Node, leaves
from rules.entitlements import entitlements
from rules.facts import CourseFact, Fact
from rules.keys import CredentialId, Instant, LearnerKey, key, parts
from rules.ledger import Act, Entry, Ledger, Status, joined_act
from rules.nesting import spans
from rules.replay import Entitlements
from rules.spans import Span, normal
from rules.tree import TreeView
from rules.verdict import verdict
from streams import messages, topics, wire
from streams.dialects.dialect import UnreadableEvent
from tests.simulation.disk import Databases
from tests.simulation.outcome import Outcome, Place, State, learner_of, restored, said_by, timed
from tests.simulation.world import CHANGELOGS, PARTITIONS, World
from tests.stories import TENANT

UNTIMED = Instant(0)
Differences = Iterator[str]
Owed = tuple[LearnerKey, CredentialId]


def differences(world: World) -> list[str]:
    """Everything that is not as it should be."""
    outcome = Outcome(world)
    return list(chain.from_iterable(check(outcome) for check in CHECKS))


def effects(outcome: Outcome) -> Differences:
    """Every record of the input has had its effect once: facts, a profile, a dead letter, or by right nothing."""
    expected: Counter[object] = Counter()
    unread: Counter[Place] = Counter()
    for place, message in outcome.sources():
        said = said_by(message)
        if said is None:
            unread[place] += 1
        for one in said or ():
            if isinstance(one, CourseFact):
                expected.update((partition, timed(one, UNTIMED)) for partition in range(PARTITIONS))
            elif isinstance(one, Fact):
                _, partition = topics.place_of(one.register.tenant, one.register.learner, PARTITIONS)
                expected[partition, timed(one, UNTIMED)] += 1
            else:
                expected[messages.dump_profile(one).value] += 1
                expected[topics.place_of(one.tenant, one.learner, PARTITIONS)[1], one.learner] += 1
    profiles = [message.value for _, message in outcome.visible(topics.PROFILES)]
    found: Counter[object] = Counter(value for value in profiles if value is not None)
    for place, message in outcome.visible(topics.FACTS):
        (record,) = wire.parse_facts([message.value])
        fact = None if isinstance(record, UnreadableEvent) else record.fact or record.course
        if fact is not None:
            found[place.partition, timed(fact, UNTIMED)] += 1
        elif isinstance(record, wire.FactsRecord) and record.named is not None:
            found[place.partition, record.named.learner] += 1
        elif isinstance(record, UnreadableEvent) or record == wire.FactsRecord():
            unread[place] += 1
    for place, message in outcome.visible(topics.HELD):
        (held,) = wire.parse_held([message.value])
        if isinstance(held, UnreadableEvent) or held == wire.HeldRecord():
            unread[place] += 1
    yield from _counted("fact", expected, found)
    yield from _counted("dead letter", unread, Counter(outcome.letters()))


def _counted(what: str, expected: Mapping[Any, int], found: Mapping[Any, int]) -> Differences:
    for one in sorted(expected.keys() | found.keys(), key=repr):
        if expected.get(one) != found.get(one):
            yield f"{what}: {found.get(one, 0)} times and not {expected.get(one, 0)}: {one}"


def disks(outcome: Outcome) -> Differences:
    """Every database is what its changelog makes of it up to the offset that it reaches; an owner's reaches the end."""
    owned = {tp: process for process in outcome.world.processes if process.is_alive for tp in process.owned.actives}
    for machine in outcome.world.machines:
        for (changelog, partition), stored in sorted(machine.disk.items()):
            tp = TP(changelog, partition)
            values = dict(stored.values)
            offset = int(values.pop(Databases.offset_key, b"-1"))
            made = restored(outcome.broker, tp, offset)
            later = _rewritten(outcome, tp, offset)
            names = (values.keys() | made.values.keys()) - later
            wrong = [name for name in names if values.get(name) != made.values.get(name)]
            if wrong:
                where = f"{machine.name}'s disk, {changelog} {partition} at {offset}"
                yield f"{where}: {len(wrong)} keys are not what the changelog says, as {min(wrong)!r}"
            owner = owned.get(tp)
            last = max((entry.offset for entry in outcome.broker.log(tp).visible()), default=-1)
            if owner is not None and owner.machine is machine and offset < last:
                yield f"{machine.name}, which owns {changelog} {partition}, reaches {offset}, and it ends at {last}"


def _rewritten(outcome: Outcome, changelog: TP, since: int) -> set[bytes | None]:
    """The keys that a compacted changelog may lack up to an offset, since it has them behind it."""
    log = outcome.broker.log(changelog)
    if not any(entry.is_compacted for entry in log.entries):
        return set()
    return {entry.message.key for entry in log.visible(since + 1)}


def clocks(outcome: Outcome) -> Differences:
    """Both agents know the time that was told last, nobody has believed a wrong clock, and nobody is still due."""
    for state in outcome.states:
        for known, is_behind in (
            (state.known, decide.is_behind(state.known)),
            (state.certificates, certify.is_behind(state.certificates)),
        ):
            where = f"partition {state.partition}: {type(known).__name__}"
            if not outcome.world.told_at <= known.clock.time <= outcome.world.rested_at:
                yield f"{where} knows the time {known.clock.time}, and it was told {outcome.world.told_at}"
            if is_behind:
                yield f"{where} has not looked at all who are due"


def histories(outcome: Outcome) -> Differences:
    """Facts tables hold the histories of the clean run, and courses what was said of them."""
    expected = dict(outcome.clean.known.facts.scan(""))
    found = {place: history for state in outcome.states for place, history in state.known.facts.scan("")}
    for place in sorted(expected.keys() | found.keys()):
        if found.get(place) != expected.get(place):
            yield f"history of {place}: {found.get(place)}, and not {expected.get(place)}"
    for state in outcome.states:
        for place, record in outcome.clean.known.courses.scan(""):
            other = state.known.courses.get(place)
            if other is None or (other.outline, other.release) != (record.outline, record.release):
                yield f"course {place} in partition {state.partition}: {other}, and not {record}"


def walks(outcome: Outcome) -> Differences:
    """The last catalogue is in force everywhere, everyone is judged under it, and no walk is left."""
    digest = outcome.rulebook.digest
    for state in outcome.states:
        where = f"partition {state.partition}"
        for known in (state.known, state.certificates):
            rulebook = known.clock.rulebook(TENANT)
            if rulebook is None or rulebook.digest != digest:
                yield f"{where}: {type(known).__name__} has not the last catalogue in force"
        yield from (f"{where}: a walk is left: {place}" for place, _ in decide.walks(state.known))
        yield from (f"{where}: {who} was left behind" for who, it in state.ledgers() if it.judged_under != digest)


def awards(outcome: Outcome) -> Differences:
    """Entitlements and awards are those of the clean run, but for what the ledger alone holds."""
    found: Entitlements = {}
    for state in outcome.states:
        for who, ledger in state.ledgers():
            due = entitlements(outcome.rulebook, who, ledger.clauses)
            found.update({(who, credential): entitlement for credential, entitlement in due.items()})
    comparison = compare(found, outcome.told(), outcome.evaluation, TENANT)
    yield from (f"entitlement unlike: {one}" for one in comparison.unlike_entitlements)
    bound = {f"{who.learner}: {credential}" for who, credential in _bound(outcome, found)}
    yield from (f"award unlike: {one}" for one in comparison.unlike_awards if one not in bound)
    for award in comparison.ledger_alone:
        is_taken_back = award.status is Status.REVOKED and award.revision > 1
        is_retired = award.credential not in outcome.rulebook.rules
        if not is_taken_back and not is_retired and f"{award.learner}: {award.credential}" not in bound:
            yield f"held by the ledger alone, and by no right: {award}"


def _bound(outcome: Outcome, due: Entitlements) -> set[Owed]:
    """
    What was said and binds: whatever counts as held otherwise than by the facts, and what builds on it.

    And what people did: `by_hand` looks at that.
    """
    found: set[Owed] = {
        (LearnerKey(done.tenant, done.learner), done.credential) for _, done in outcome.world.story.acts
    }
    replayed = [(learner_of(place), ledger) for place, ledger in outcome.clean.known.ledger.scan("")]
    for who, ledger in (*replayed, *[pair for state in outcome.states for pair in state.ledgers()]):
        for credential, entry in ledger.entries.items():
            by_facts = normal(Span(span.since, span.until) for span in due.get((who, credential), ()))
            if entry.held != by_facts:
                found |= {(who, one) for one in _building_on(outcome, credential)}
    clean = [(learner_of(place), ledger) for place, ledger in outcome.clean.of_certificates.ledger.scan("")]
    for who, ledger in (*clean, *[pair for state in outcome.states for pair in state.certificate_ledgers()]):
        for credential, entry in ledger.entries.items():
            if entry.said is not None and entry.said not in due.get((who, credential), ()):
                found.add((who, credential))
    return found


def _building_on(outcome: Outcome, credential: CredentialId) -> set[CredentialId]:
    found, new = set[CredentialId](), {credential}
    while new:
        found |= new
        new = {builder for one in new for builder in outcome.rulebook.by_badge.get(one, ())} - found
    return found


def ledgers(outcome: Outcome) -> Differences:
    """The last that was told of each award is what the ledger says, and to decide it anew would change nothing."""
    told = outcome.told().in_force
    said: dict[str, Entry] = {}
    for state in outcome.states:
        for who, ledger in state.ledgers():
            said |= {award_id(who, credential): entry for credential, entry in ledger.entries.items()}
            held = {credential: entry.held for credential, entry in ledger.entries.items()}
            view = TreeView(who=who, clauses=ledger.clauses, held=held)
            yield from _unsettled(outcome, outcome.rulebook.badges, ledger, view, state.known.clock.time)
        for who, ledger in state.certificate_ledgers():
            said |= {award_id(who, credential): entry for credential, entry in ledger.entries.items()}
            view = TreeView(who=who, clauses={}, held=state.certificates.held.get(str(who)) or {})
            time = state.certificates.clock.time
            yield from _unsettled(outcome, outcome.rulebook.certificates, ledger, view, time)
    for award in told.values():
        entry = said.get(award.award_id)
        if entry is None or (entry.revision, entry.status) != (award.revision, award.status):
            yield f"told is {award}, and the ledger says {entry}"
        if award.status is Status.AWARDED and not all(map(is_backed, award.evidence)):
            yield f"no evidence stands behind {award}"


def is_backed(evidence: Evidence) -> bool:
    """Whether something stands behind it: behind what must not be so there may be nothing."""
    return bool(evidence.events or evidence.awards) or evidence.clause.startswith("not ")


def _unsettled(
    outcome: Outcome, decided: AbstractSet[CredentialId], ledger: Ledger, view: TreeView, time: Instant
) -> Differences:
    for credential in sorted(ledger.entries.keys() & decided):
        rule, entry = outcome.rulebook.rules[credential], ledger.entries[credential]
        met = spans(rule.tree, view.spans)
        again = verdict(rule, entry, met, who=view.who, time=time, evidence_at=lambda _: ())
        if again.entry != entry:
            yield f"{view.who}: {credential} is {entry}, and decided anew it would be {again.entry}"


def by_hand(outcome: Outcome) -> Differences:
    """What people did last is what is so, whatever happened in between and in which order it was told."""
    acts: dict[Owed, tuple[Act, ...]] = {}
    for _, done in outcome.world.story.acts:
        if done.learner in outcome.world.story.erased:
            continue
        owed = LearnerKey(done.tenant, done.learner), done.credential
        acts[owed] = joined_act(acts.get(owed, ()), done.act)
    said = outcome.told().in_force
    for (who, credential), wanted in acts.items():
        state = outcome.states[topics.place_of(*who, PARTITIONS)[1]]
        kept = state.known.ledger.get(str(who)) or Ledger()
        if kept.entries.get(credential, Entry()).acts != wanted:
            yield f"{who}: {credential} has the acts {kept.entries.get(credential)}, and not {wanted}"
        now = Status.AWARDED if wanted[-1].grants else Status.REVOKED
        rule = outcome.rulebook.rules.get(credential)
        # What is granted is valid for as long as what is earned, and so may have expired.
        if rule is not None and (rule.credential.valid_for is None or not wanted[-1].grants):
            award = said.get(award_id(who, credential))
            if award is None or award.status is not now:
                yield f"{who}: {credential} was {wanted[-1]}, and told is {award}"


def erased(outcome: Outcome) -> Differences:
    """Of who was erased no key is left in any table, and wherever something was told the last word is a tombstone."""
    gone = outcome.world.story.erased
    for changelog in CHANGELOGS.values():
        for partition in range(PARTITIONS):
            for place in restored(outcome.broker, TP(changelog, partition)).values:
                if gone & set(parts(place.decode())):
                    yield f"{changelog} {partition} has {place!r}"
    for topic in (topics.BADGES, topics.CERTIFICATES, topics.STANDINGS, topics.PROFILES):
        last = {message.key or b"": message.value for _, message in outcome.visible(topic)}
        for place, value in last.items():
            if value is not None and parts(place.decode())[1] in gone:
                yield f"{topic} still tells of {place!r}"


def held(outcome: Outcome) -> Differences:
    """The certificates agent knows of each badge when it is held, as the ledger of progress says."""
    for state in outcome.states:
        for who, ledger in state.ledgers():
            known = state.certificates.held.get(str(who)) or {}
            for credential, entry in ledger.entries.items():
                if known.get(credential, ()) != entry.held:
                    yield f"{who}: {credential} is held {entry.held}, and known to be held {known.get(credential)}"


def standings(outcome: Outcome) -> Differences:
    """The last that was told of each standing is what the tables say."""
    told = {message.key or b"": message.value for _, message in outcome.visible(topics.STANDINGS)}
    kept = {place.encode() for state in outcome.states for place, _ in state.known.standings.scan("")}
    for place in sorted(told.keys() | kept):
        who, credential = learner_of(place.decode()), parts(place.decode())[2]
        state = outcome.states[topics.place_of(*who, PARTITIONS)[1]]
        now = _standing(outcome, state, who, CredentialId(credential))
        value = told.get(place)
        last = None if value is None else messages.parse_standing(value)
        told_of = _told_of(outcome, state, who, CredentialId(credential))
        if _known(now, told_of) != _known(last, told_of):
            yield f"standing of {place.decode()}: told is {last}, and the tables say {now}"


def _standing(outcome: Outcome, state: State, who: LearnerKey, credential: CredentialId) -> Standing | None:
    if credential in outcome.rulebook.certificates:
        return certify.standing(state.certificates, who, credential)
    return telling.standing(state.known, who, credential)


def _told_of(outcome: Outcome, state: State, who: LearnerKey, credential: CredentialId) -> set[str] | None:
    """The clauses and counts of badges that were told; none where all are told of, as those of certificates are."""
    record = state.known.standings.get(key(*who, credential))
    if record is None or credential not in outcome.rulebook.rules:
        return None
    found = (
        telling._told(state.known, outcome.rulebook, who, record, leaf)
        for leaf in leaves(outcome.rulebook.rules[credential].tree)
    )
    return {node.clause for node in found if node is not None}


def _known(standing: Standing | None, told_of: set[str] | None) -> Standing | None:
    """
    A standing without its time and, where only some leaves were told of, without what is said of the others.

    A course's outline changes what is needed of those who have done nothing in it, and nobody tells them.
    """
    if standing is None:
        return None
    return replace(standing, decided_at=UNTIMED, progress=_without_untold(standing.progress, told_of))


def _without_untold(node: Node, told_of: set[str] | None) -> Node:
    if node.parts:
        return node._replace(parts=tuple(_without_untold(part, told_of) for part in node.parts))
    return node if told_of is None or node.clause in told_of else node._replace(need=0, events=())


CHECKS = (effects, disks, clocks, histories, walks, awards, ledgers, by_hand, erased, held, standings)

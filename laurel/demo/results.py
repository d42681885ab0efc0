"""Results: what the running system has said, and what judging the same events without it says."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from laurel.evaluate import Evaluation
from rules.awards import Award
from rules.entitlements import entitlements
from rules.keys import LearnerId, LearnerKey, TenantId, parts
from rules.replay import Entitlements
from rules.rulebook import Rulebook
from streams import messages, topics
from streams.tables import read_table
from streams.wire import CODECS

READ_MS = 500


@dataclass(slots=True)
class Told:
    """What the award topics and the dead letters hold."""

    revisions: list[Award] = field(default_factory=list)
    letters: list[dict[str, str]] = field(default_factory=list)

    @property
    def in_force(self) -> dict[str, Award]:
        """The highest revision of each award, by its id."""
        found: dict[str, Award] = {}
        for award in self.revisions:
            if award.award_id not in found or found[award.award_id].revision < award.revision:
                found[award.award_id] = award
        return found

    def reasons(self) -> Counter[str]:
        """How many dead letters have which reason; places within a value do not count apart."""
        return Counter(re.sub(r" \(byte \d+\)", "", letter["reason"]) for letter in self.letters)


@dataclass(slots=True, kw_only=True)
class Comparison:
    """How the running system and the evaluation compare. `ledger_alone`: awards that hold because they were said."""

    entitlements: int
    unlike_entitlements: list[str]
    awards: int
    unlike_awards: list[str]
    ledger_alone: list[Award]

    @property
    def is_equal(self) -> bool:
        return not self.unlike_entitlements and not self.unlike_awards


async def read_told(bootstrap: str, partitions: int) -> Told:
    """Read award topics and dead letters from their beginning to their end, committed records only."""
    told = Told()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        names = (topics.BADGES, topics.CERTIFICATES, topics.DEAD_LETTERS)
        found = [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        consumer.assign(found)
        await consumer.seek_to_beginning(*found)
        ends = await consumer.end_offsets(found)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for tp, records in (await consumer.getmany(timeout_ms=READ_MS)).items():
                for record in records:
                    if tp.topic == topics.DEAD_LETTERS:
                        told.letters.append(_letter(record.headers))
                    else:
                        told.revisions.append(messages.parse_award(record.value or b""))
    finally:
        await consumer.stop()
    return told


def entitlements_in(state: Path, tenant: TenantId, rulebook: Rulebook) -> Entitlements:
    """What is due by the ledgers that workers have left under a directory. They must have stopped."""
    found: Entitlements = {}
    for database in sorted(state.glob("*/v*/tables/progress-*.db")):
        for place, ledger in read_table(database, "ledger", CODECS["ledger"][1]):
            who = LearnerKey(*_learner(place))
            if who.tenant == tenant:
                due = entitlements(rulebook, who, ledger.clauses)
                found.update({(who, credential): entitlement for credential, entitlement in due.items()})
    return found


def compare(found: Entitlements, told: Told, evaluation: Evaluation, tenant: TenantId) -> Comparison:
    """
    Hold the running system against the evaluation.

    Entitlements must be equal. Awards must be too (id and status), but for those in force that no entitlement
    stands behind: there what was said binds, and it depends on what arrived first.
    """
    expected, awards = evaluation.replay.entitlements(tenant), told.in_force
    judged = evaluation.replay.in_force()
    unlike = [
        f"{who}: {credential}"
        for who, credential in found.keys() | expected.keys()
        if found.get((who, credential)) != expected.get((who, credential))
    ]
    ledger_alone, unlike_awards = [], []
    for award_id in sorted(awards.keys() | judged.keys()):
        award, other = awards.get(award_id), judged.get(award_id)
        some = award or other
        if some is None:
            continue
        due = expected.get((LearnerKey(some.tenant, some.learner), some.credential))
        if due is None:
            ledger_alone.append(some)
        elif award is None or other is None or award.status != other.status:
            unlike_awards.append(f"{some.learner}: {some.credential}")
    return Comparison(
        entitlements=len(expected),
        unlike_entitlements=sorted(unlike),
        awards=len(awards.keys() | judged.keys()) - len(ledger_alone),
        unlike_awards=unlike_awards,
        ledger_alone=ledger_alone,
    )


def event_line(dialect: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> str:
    """One line of an event file, as `laurel evaluate` reads it; base64 for what is no text."""
    line: dict[str, object] = {"dialect": dialect}
    try:
        line["value"] = value.decode()
    except UnicodeDecodeError:
        line["value_base64"] = base64.b64encode(value).decode()
    if headers:
        line["headers"] = {name: content.decode() for name, content in headers}
    return json.dumps(line, ensure_ascii=False)


def _letter(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    prefix = "laurel.errors."
    return {name.removeprefix(prefix): said.decode() for name, said in headers if name.startswith(prefix)}


def _learner(place: str) -> tuple[TenantId, LearnerId]:
    tenant, learner = parts(place)
    return TenantId(tenant), LearnerId(learner)

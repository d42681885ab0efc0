"""Scenarios: runs what a learner does through the judge, and says what is not as expected, and why."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from laurel.faults import Fault
from laurel.scenario_file import NONE, Scenario
from rules.awards import Award, Standing
from rules.catalogue import Catalogue
from rules.criteria import Node, percent
from rules.keys import CredentialId, Instant
from rules.ledger import Status
from rules.replay import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A scenario that was run: passed, if nothing differs."""

    scenario: Scenario
    differences: tuple[Fault, ...]


def run_scenario(catalogue: Catalogue, scenario: Scenario) -> Tried:
    """Judge a learner's events in the order in which they stand, as of the latest or as it says, and compare."""
    times = [fact.statement.occurred_at for fact in scenario.facts] + [one.act.occurred_at for one in scenario.acts]
    now = scenario.as_of or Instant(max(times, default=0))
    replay = Replay()
    replay.catalogue(catalogue, now)
    # As `laurel evaluate` does: all is known at the time that is judged as of.
    replay.facts(replace(fact, received_at=now) for fact in scenario.facts)
    for done in scenario.acts:
        replay.by_hand(replace(done, received_at=now))
    awards = {award.credential: award for award in replay.in_force().values()}
    standings = {standing.credential: standing for standing in replay.standings()}
    return Tried(scenario=scenario, differences=tuple(_differences(scenario, awards, standings)))


def _differences(
    scenario: Scenario, awards: Mapping[CredentialId, Award], standings: Mapping[CredentialId, Standing]
) -> Iterator[Fault]:
    for expected in scenario.expected:
        award, standing = awards.get(expected.credential), standings.get(expected.credential)
        # Of milestones no award is told; how one stands is.
        found = award.status if award is not None else None if standing is None else standing.status
        if found is not expected.status:
            is_, wanted = (NONE if status is None else status.value for status in (found, expected.status))
            problem = f"{expected.credential}: expected {wanted}, got {is_}."
            hint = _met_by(award) if found is Status.AWARDED else _missing(standing, standings)
            yield replace(expected.place, problem=problem, cure=hint)


def _met_by(award: Award | None) -> str:
    """What met it; events are named by their lines."""
    if award is None:
        return ""
    said = [f"{one.clause}{_behind(one.events)}" for one in award.evidence if "~" not in one.clause]
    return f"Met by {'; '.join(said)}." if said else ""


def _behind(lines: Iterable[str]) -> str:
    return f" ({', '.join(dict.fromkeys(lines))})" if lines else ""


def _missing(standing: Standing | None, standings: Mapping[CredentialId, Standing]) -> str:
    if standing is None:
        return "None of its conditions is touched by these events."
    return f"Not met: {'; '.join(dict.fromkeys(_not_met(standing.progress, standings)))}."


def _not_met(node: Node, standings: Mapping[CredentialId, Standing]) -> Iterator[str]:
    shown = _shown(node, standings)
    if node.met:
        return
    if _is_not(shown):
        yield f"not {_far(_shown(shown.parts[0], standings))}"
    elif shown.parts:
        for part in shown.parts:
            yield from _not_met(part, standings)
    else:
        yield _far(shown)


def _shown(node: Node, standings: Mapping[CredentialId, Standing]) -> Node:
    """A condition as its author wrote it: one of a certificate's own has a made-up name in the certificate."""
    hidden = standings.get(CredentialId(node.clause.removeprefix("badges 1 of "))) if "~" in node.clause else None
    return node if hidden is None else hidden.progress


def _is_not(node: Node) -> bool:
    return node.clause.startswith("not ") and len(node.parts) == 1


def _far(node: Node) -> str:
    have, need = (percent(n) if node.unit == "percent" else str(n) for n in (node.have, node.need))
    return f"{node.clause} (has {have} of {need} {'%' if node.unit == 'percent' else node.unit})"

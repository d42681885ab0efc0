"""How `laurel why` and `laurel near` look: trees and tables at a terminal, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.table import Table
from rich.tree import Tree

from laurel.drawing import moment
from laurel.printing import body_of
from rules.awards import Award
from rules.closeness import Near
from rules.criteria import Node, percent
from rules.keys import AwardId, Instant
from rules.ledger import Status
from sinks.documents import node_document
from sinks.standing_queries import Why
from streams.messages import rfc3339

_EVENTS_SHOWN: Final = 5
_ENCODER: Final = msgspec.json.Encoder()


def why_tree(found: Why) -> Tree:
    """What a learner has and lacks of one credential: what was said first, then its conditions, met ✓ or not ✗."""
    kind = found.standing.kind if found.standing is not None else found.awards[0].kind
    tree = Tree(f"{found.learner}: {found.credential}, {kind.value}")
    if not found.awards:
        tree.add(f"never awarded; {closeness_of(found.closeness)} of the way")
    for award in found.awards:
        _add_award(tree, award, found.behind)
    if found.standing is None:
        tree.add("no standing any more: the catalogue in force does not have it")
        return tree
    _add_node(
        tree.add(f"what it takes, as of {_time(found.standing.decided_at)}"), found.standing.progress, found.behind
    )
    if found.missing:
        lacks = tree.add("missing, on the shortest way")
        for node in found.missing:
            lacks.add(lacking(node))
    return tree


def why_document(found: Why) -> dict[str, Any]:
    """The same as JSON; awards as on the award topics."""
    standing = found.standing
    return {
        "tenant": found.tenant,
        "learner": found.learner,
        "credential": found.credential,
        "status": found.awards[0].status if found.awards else None,
        "closeness_percent": _percent(found.closeness),
        "progress": None if standing is None else _node(standing.progress),
        "missing": [_node(node) for node in found.missing],
        "as_of": None if standing is None else rfc3339(standing.decided_at),
        "credential_version": None if standing is None else standing.credential_version,
        "awards": [json.loads(body_of(award)) for award in found.awards],
        "behind": [json.loads(body_of(award)) for award in found.behind.values()],
    }


def near_table(found: Sequence[Near]) -> Table:
    """The closest credentials, best first, each with what is missing."""
    table = Table(box=None, pad_edge=False)
    table.add_column("credential", overflow="fold")
    table.add_column("kind")
    table.add_column("there", justify="right")
    table.add_column("missing", overflow="fold")
    for one in found:
        lacks = "\n".join(lacking(node) for node in one.missing)
        table.add_row(one.standing.credential, one.standing.kind.value, closeness_of(one.closeness), lacks)
    return table


def near_document(one: Near) -> dict[str, Any]:
    """One of them as JSON."""
    standing = one.standing
    return {
        "tenant": standing.tenant,
        "learner": standing.learner,
        "credential": standing.credential,
        "kind": standing.kind,
        "status": standing.status,
        "closeness_percent": _percent(one.closeness),
        "missing": [_node(node) for node in one.missing],
        "as_of": rfc3339(standing.decided_at),
    }


def lacking(node: Node) -> str:
    """What is missing of one condition: what there is, and what it needs."""
    return f"{node.clause} ({_have_and_need(node)})"


def closeness_of(hundredths: int) -> str:
    """Closeness as people read it: whole percent, and never all of it before it is met."""
    return f"{hundredths // 100} %"


def _add_award(tree: Tree, award: Award, behind: Mapping[AwardId, Award]) -> None:
    which = f" for {award.occurrence}" if award.occurrence else ""
    said = tree.add(
        f"{award.status.value}{which}: {award.reason.value}, decided {_time(award.decided_at)} "
        f"(revision {award.revision})"
    )
    if award.met_at is not None:
        until = "" if award.expires_at is None else f", until {_time(award.expires_at)}"
        said.add(f"{'met' if award.status is Status.AWARDED else 'was met'} from {_time(award.met_at)}{until}")
    for evidence in award.evidence:
        by = [*evidence.events, *_badges(evidence.awards, behind)]
        said.add(f"by {evidence.clause}: {_some(by)}")


def _add_node(tree: Tree, node: Node, behind: Mapping[AwardId, Award]) -> None:
    by = [*node.events, *_badges(node.awards, behind)]
    text = f"{'✓' if node.met else '✗'} {node.clause}: {_have_and_need(node)}{'; ' + _some(by) if by else ''}"
    branch = tree.add(text)
    for part in node.parts:
        _add_node(branch, part, behind)


def _badges(awards: Sequence[str], behind: Mapping[AwardId, Award]) -> list[str]:
    """Badges that count, by what they are called and since when they are met; where unknown, by their id."""
    found = []
    for award_id in awards:
        award = behind.get(AwardId(award_id))
        if award is None:
            found.append(award_id)
        else:
            since = "" if award.met_at is None else f" (met {_time(award.met_at)})"
            found.append(f"{award.credential}{since}")
    return found


def _some(by: Sequence[str]) -> str:
    more = len(by) - _EVENTS_SHOWN
    return ", ".join(by[:_EVENTS_SHOWN]) + (f" and {more} more (--json has all)" if more > 0 else "")


def _have_and_need(node: Node) -> str:
    if node.unit == "percent":
        return f"{percent(node.have)} of {percent(node.need)} %"
    unit = node.unit if node.need != 1 else node.unit.removesuffix("s")
    return f"{node.have} of {node.need} {unit}"


def _node(node: Node) -> Any:
    return json.loads(_ENCODER.encode(node_document(node)))


def _percent(hundredths: int) -> float:
    return hundredths / 100


def _time(instant: Instant) -> str:
    return f"{moment(instant):%Y-%m-%d %H:%M}"

"""Evidence and progress as JSON: the one shape that they have in messages and in the database."""

from typing import Annotated, Any

import msgspec

from rules.criteria import Evidence, Node, Unit

# Far above any score or count, and low enough that hundredths come back exactly from a JSON number.
_HIGHEST = 1_000_000_000

Number = Annotated[int, msgspec.Meta(ge=-_HIGHEST, le=_HIGHEST)] | float


class EvidenceDocument(msgspec.Struct, frozen=True):
    """One entry of evidence, as it is read."""

    clause: str
    events: tuple[str, ...]
    awards: tuple[str, ...] = ()


class NodeDocument(msgspec.Struct, frozen=True):
    """One condition of a standing; percent as people write it, `awards` only of badges."""

    clause: str
    met: bool
    have: Number
    need: Number
    unit: Unit
    events: tuple[str, ...] = ()
    parts: tuple["NodeDocument", ...] = ()
    awards: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


def evidence_document(evidence: tuple[Evidence, ...]) -> list[dict[str, Any]]:
    """What evidence looks like in JSON; `awards` only where a badge criterion was met by awards."""
    return [
        {"clause": clause, "events": events, "awards": awards} if awards else {"clause": clause, "events": events}
        for clause, events, awards in evidence
    ]


def evidence_of(documents: tuple[EvidenceDocument, ...]) -> tuple[Evidence, ...]:
    """Evidence as it was before it became JSON."""
    return tuple(Evidence(found.clause, found.events, found.awards) for found in documents)


def node_document(node: Node) -> NodeDocument:
    """What a standing's progress looks like in JSON."""
    clause, met, have, need, unit, events, parts, awards = node
    documents = tuple([node_document(part) for part in parts]) if parts else ()
    if unit == "percent":
        return NodeDocument(
            clause, met, _percent(have), _percent(need), unit, events, documents, awards or msgspec.UNSET
        )
    return NodeDocument(clause, met, have, need, unit, events, documents, awards or msgspec.UNSET)


def node_of(document: NodeDocument) -> Node:
    """Progress as it was before it became JSON; ValueError for a number that no condition can have."""
    return Node(
        clause=document.clause,
        met=document.met,
        have=_whole(document.have, document.unit),
        need=_whole(document.need, document.unit),
        unit=document.unit,
        events=document.events,
        parts=tuple(node_of(part) for part in document.parts),
        awards=() if document.awards is msgspec.UNSET else document.awards,
    )


def _percent(hundredths: int) -> int | float:
    return hundredths / 100 if hundredths % 100 else hundredths // 100


def _whole(number: float, unit: Unit) -> int:
    if not -_HIGHEST <= number <= _HIGHEST:
        raise ValueError(f"a number of {unit} is beyond a thousand million")
    if unit == "percent":
        return round(number * 100)
    if number != int(number):
        raise ValueError(f"a number of {unit} is not whole")
    return int(number)

"""What builds on what, drawn: from courses over badges and milestones to certificates, as Mermaid or DOT."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from rules.awards import CredentialKind
from rules.catalogue import Catalogue
from rules.criteria import OUTSIDE, Badges, Clause, leaves
from rules.names import names_of

# Mermaid draws no more arrows, unless it is configured to.
MAX_MERMAID_ARROWS: Final = 500
COURSE: Final = "course"
OUTSIDE_COURSES: Final = "outside"
_MERMAID_SHAPES: Final = {
    COURSE: ("[/", "/]"),
    OUTSIDE_COURSES: ("{{", "}}"),
    CredentialKind.BADGE: ("([", "])"),
    CredentialKind.MILESTONE: ("(", ")"),
    CredentialKind.CERTIFICATE: ("[[", "]]"),
}
_DOT_SHAPES: Final = {
    COURSE: "shape=parallelogram",
    OUTSIDE_COURSES: "shape=hexagon",
    CredentialKind.BADGE: "shape=box, style=rounded",
    CredentialKind.MILESTONE: 'shape=box, style="rounded,dashed"',
    CredentialKind.CERTIFICATE: "shape=box, peripheries=2",
}


class GraphFormat(StrEnum):
    """The languages that a graph is written in."""

    MERMAID = "mermaid"
    DOT = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes by their name in the drawing, with kind and label; arrows from what is built on to what builds on it."""

    nodes: dict[str, tuple[str, str]]
    arrows: tuple[tuple[str, str], ...]


def graph_of(catalogue: Catalogue) -> Graph:
    """Draw every credential, and the courses that one of them asks about; what belongs to no course is one node."""
    names = names_of(catalogue)
    courses = {course: f"course{at}" for at, (course, _) in enumerate(catalogue.courses, 1)} | {OUTSIDE: "outside"}
    credentials = {credential.id: f"credential{at}" for at, credential in enumerate(catalogue.credentials, 1)}
    arrows: dict[tuple[str, str], None] = {}
    for credential in catalogue.credentials:
        for leaf in leaves(credential.criteria):
            match leaf:
                case Badges(of=of):
                    arrows.update(dict.fromkeys((credentials[badge], credentials[credential.id]) for badge in of))
                case Clause():
                    raise TypeError("a clause stands in a rulebook; an author's criteria have none")
                case _:
                    arrows[courses[leaf.course], credentials[credential.id]] = None
    used = {source for source, _ in arrows}
    return Graph(
        nodes={
            **{
                node: (COURSE, names.course(course)) if course else (OUTSIDE_COURSES, "Outside of any course")
                for course, node in courses.items()
                if node in used
            },
            **{credentials[one.id]: (one.kind, names.credential(one.id)) for one in catalogue.credentials},
        },
        arrows=tuple(arrows),
    )


def dump_graph(graph: Graph, form: GraphFormat) -> str:
    """Write a graph in one of the languages."""
    match form:
        case GraphFormat.MERMAID:
            return "\n".join(_mermaid(graph)) + "\n"
        case GraphFormat.DOT:
            return "\n".join(_dot(graph)) + "\n"
        case _:
            assert_never(form)


def _mermaid(graph: Graph) -> Iterator[str]:
    yield "flowchart LR"
    for node, (kind, label) in graph.nodes.items():
        opens, closes = _MERMAID_SHAPES[kind]
        yield f'  {node}{opens}"{_in_mermaid(label)}"{closes}'
    for source, target in graph.arrows:
        yield f"  {source} --> {target}"
    milestones = [node for node, (kind, _) in graph.nodes.items() if kind == CredentialKind.MILESTONE]
    if milestones:
        yield "  classDef milestone stroke-dasharray: 4"
        yield f"  class {','.join(milestones)} milestone"


def _in_mermaid(label: str) -> str:
    """A label with whatever Mermaid, or the HTML and Markdown in it, could take for its own written as numbers."""
    return re.sub(r"[^\w ,.()-]", lambda found: f"#{ord(found[0])};", label)


def _dot(graph: Graph) -> Iterator[str]:
    yield "digraph catalogue {"
    yield "  rankdir=LR;"
    for node, (kind, label) in graph.nodes.items():
        escaped = label.replace("\\", "\\\\").replace('"', '\\"')
        yield f'  {node} [label="{escaped}", {_DOT_SHAPES[kind]}];'
    for source, target in graph.arrows:
        yield f"  {source} -> {target};"
    yield "}"

"""The graph of a catalogue: every credential, what it builds on, and labels that no drawing takes for its own."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from typer.testing import CliRunner

from laurel.catalogue_file import read_catalogue
from laurel.catalogue_graph import MAX_MERMAID_ARROWS, GraphFormat, dump_graph, graph_of
from laurel.cli import app
from rules.catalogue import Catalogue
from rules.criteria import OUTSIDE, AllOf, AnyOf, Badges, Clause, FinalGrade, Participated, PriorLearning, leaves
from rules.keys import CourseId, TenantId
from tests.stories import COURSES, ONE, TENANT, badge, catalogue_of, catalogues

ROOT = Path(__file__).parent.parent
EXAMPLE = Path(__file__).parent / "catalogues" / "example.yaml"


@given(catalogues())
def test_each_arrow_is_a_course_or_a_badge_that_criteria_name(catalogue: Catalogue) -> None:
    graph = graph_of(catalogue)
    courses = {course: f"course{at}" for at, (course, _) in enumerate(catalogue.courses, 1)} | {OUTSIDE: "outside"}
    names = {credential.id: f"credential{at}" for at, credential in enumerate(catalogue.credentials, 1)}
    expected = set()
    for credential in catalogue.credentials:
        for leaf in leaves(credential.criteria):
            assert not isinstance(leaf, Clause)
            built_on = [names[one] for one in leaf.of] if isinstance(leaf, Badges) else [courses[leaf.course]]
            expected |= {(one, names[credential.id]) for one in built_on}

    assert set(graph.arrows) == expected
    assert len(graph.arrows) == len(expected)
    assert set(graph.nodes) == {*names.values(), *[one for one, _ in expected]}


def test_mermaid_shows_kinds_by_their_shapes() -> None:
    assert dump_graph(graph_of(read_catalogue(EXAMPLE, TenantId("t1"))), GraphFormat.MERMAID).splitlines() == [
        "flowchart LR",
        '  course1[/"Introduction to Data"/]',
        '  course2[/"Querying Data"/]',
        '  course3[/"Statistics"/]',
        '  credential1(["Data Literacy"])',
        '  credential2(["Querying Data"])',
        '  credential3("Statistics")',
        '  credential4[["Data Professional"]]',
        "  course1 --> credential1",
        "  course2 --> credential2",
        "  course3 --> credential3",
        "  credential1 --> credential4",
        "  credential2 --> credential4",
        "  credential3 --> credential4",
        "  classDef milestone stroke-dasharray: 4",
        "  class credential3 milestone",
    ]


@pytest.mark.parametrize("name", ['"]; end', "#quot; `x` <b>&amp;", 'C:\\ "x"', "a%%b", "[x](y)", "日本語 é", "$$x$$"])
def test_no_name_can_break_out_of_its_label(name: str) -> None:
    graph = graph_of(catalogue_of(replace(badge("a", FinalGrade(course=COURSES[0], at_least=1)), name=name)))

    mermaid, dot = (dump_graph(graph, form).splitlines() for form in GraphFormat)

    (shown,) = (found for line in mermaid if (found := re.fullmatch(r'  credential1\(\["([\w ,.()#;-]*)"\]\)', line)))
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), shown[1]) == name
    (label,) = (found for line in dot if (found := re.match(r'  credential1 \[label="((?:[^"\\]|\\.)*)", shape', line)))
    assert re.sub(r"\\(.)", r"\1", label[1]) == name


def test_dot_is_a_digraph() -> None:
    done = CliRunner().invoke(app, ["catalogue", "graph", str(EXAMPLE), "--format", "dot"])

    assert done.exit_code == 0
    assert done.stdout.startswith("digraph catalogue {\n  rankdir=LR;\n")
    assert '  credential4 [label="Data Professional", shape=box, peripheries=2];\n' in done.stdout
    assert "  credential1 -> credential4;\n" in done.stdout


def test_more_arrows_than_mermaid_draws_are_told_and_drawn_by_dot(tmp_path: Path) -> None:
    courses = "".join(f"  c{at}: {{name: C{at}}}\n" for at in range(MAX_MERMAID_ARROWS + 1))
    parts = "".join(f"      - final_grade: {{course: c{at}, at_least: 1}}\n" for at in range(MAX_MERMAID_ARROWS + 1))
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        f"version: 1\nissuer: {{id: https://example.edu, name: E}}\ncourses:\n{courses}"
        f"credentials:\n- id: a\n  kind: badge\n  name: A\n  criteria:\n    all:\n{parts}"
    )

    mermaid, dot = (
        CliRunner().invoke(app, ["catalogue", "graph", str(path), "--format", form]) for form in ("mermaid", "dot")
    )

    assert mermaid.exit_code == dot.exit_code == 0
    assert mermaid.stderr == f"{path}: 501 arrows; Mermaid draws at most 500 unless maxEdges is set. --format dot\n"
    assert dot.stderr == ""


def test_what_belongs_to_no_course_is_drawn_as_one_node() -> None:
    away = Participated(course=OUTSIDE, kind="", times=1)
    graph = graph_of(catalogue_of(badge("one", AnyOf(parts=(away, PriorLearning(achievement="work"))))))

    assert graph.arrows == (("outside", "credential1"),)
    assert '  outside{{"Outside of any course"}}' in dump_graph(graph, GraphFormat.MERMAID).splitlines()
    assert (
        '  outside [label="Outside of any course", shape=hexagon];' in dump_graph(graph, GraphFormat.DOT).splitlines()
    )


def test_what_is_counted_through_groups_is_drawn_once() -> None:
    on_one = Badges(at_least=1, of=(ONE,))
    catalogue = catalogue_of(
        badge("one", FinalGrade(course=CourseId("c2"), at_least=1)), badge("two", AllOf(parts=(on_one, on_one)))
    )

    assert graph_of(catalogue).arrows == (("course2", "credential1"), ("credential1", "credential2"))
    assert catalogue.tenant == TENANT


def test_the_documentation_shows_what_the_command_draws(tmp_path: Path) -> None:
    document = (ROOT / "docs" / "catalogue.md").read_text()
    (tmp_path / "catalogue.yaml").write_text(document.split("```yaml\n")[1].split("```")[0])

    done = CliRunner().invoke(app, ["catalogue", "graph", str(tmp_path / "catalogue.yaml")])

    assert f"```mermaid\n{done.stdout}```" in document

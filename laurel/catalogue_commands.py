"""The commands of `laurel catalogue` that need nothing but files."""

import json
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from laurel.catalogue_diff import catalogue_diff
from laurel.catalogue_diff_printing import print_diff
from laurel.catalogue_file import read_catalogue
from laurel.catalogue_graph import MAX_MERMAID_ARROWS, GraphFormat, dump_graph, graph_of
from laurel.catalogue_schema import dump_schema
from laurel.catalogue_warnings import read_with_warnings
from laurel.console import FAILED, USAGE, UTC_ZONE, TimeZone, err, fail, out, told
from laurel.faults import MAX_FAULTS_SHOWN, Fault, FileFaults, nearest, show
from laurel.printing import wrapped
from laurel.scenario_file import SUFFIX, Scenario, beside, read_scenarios
from laurel.scenarios import run_scenario
from rules.catalogue import Catalogue, Credential, version_of
from rules.explanations import Explanation, explanation
from rules.keys import TenantId
from rules.names import names_of
from rules.requirements import Requirement

# Whose catalogue it is does not matter to what these commands say.
NOBODY = TenantId("check")
INDENT = "  "
_IDS_NAMED = 12

app = typer.Typer(no_args_is_help=True, help="Catalogues: read, explain, compare and try a file, or put it in force.")

File = Annotated[Path, typer.Argument(help="The catalogue.")]


@app.command()
def check(file: File) -> None:
    """
    Read a catalogue and name everything that is wrong in it; exit 1 if anything is.

    Warnings name what is probably not meant. They do not change the exit.
    """
    with told():
        catalogue, warnings = read_with_warnings(file, NOBODY)
        for warning in warnings[:MAX_FAULTS_SHOWN]:
            out.print(f"{warning.file}:{warning.line}: warning: {warning.problem} {warning.cure}")
        if len(warnings) > MAX_FAULTS_SHOWN:
            out.print(f"… and {len(warnings) - MAX_FAULTS_SHOWN} more warnings.")
        out.print(
            f"{file}: version {catalogue.version}, {len(catalogue.credentials)} credentials, "
            f"{len(catalogue.courses)} courses: no faults"
            + (f", {len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else "")
        )


@app.command()
def explain(
    file: File,
    credentials: Annotated[
        list[str] | None, typer.Argument(metavar="CREDENTIAL", help="Their ids; all, if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line for each credential.")] = False,
    time_zone: TimeZone = UTC_ZONE,
) -> None:
    """Say in plain sentences what each credential takes, and what follows."""
    with told():
        catalogue = read_catalogue(file, NOBODY, time_zone)
        names = names_of(catalogue)
        asked = _asked(file, catalogue, credentials or [])
        if as_json:
            for one in asked:
                body = _explained(explanation(one, names), version_of(one.criteria))
                typer.echo(json.dumps(body, ensure_ascii=False))
        else:
            told_of = [f"{one.id}\n{wrapped(explanation(one, names).text, out.width, INDENT)}" for one in asked]
            out.print("\n\n".join(told_of))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The catalogue as it was.")],
    new: Annotated[Path, typer.Argument(help="The catalogue as it is to be.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of the text.")] = False,
    time_zone: TimeZone = UTC_ZONE,
) -> None:
    """
    Say what differs between two catalogues; exit 1 if anything does.

    Exit 0: they are equal. 1: they differ. 2: one of them cannot be read.
    """
    with told(USAGE):
        found = catalogue_diff(*[read_catalogue(one, NOBODY, time_zone) for one in (old, new)])
        if as_json:
            typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
        else:
            print_diff(found, out)
    raise typer.Exit(0 if found.is_empty else FAILED)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the catalogue file, for editors."""
    typer.echo(dump_schema(), nl=False)


@app.command()
def graph(
    file: File,
    form: Annotated[GraphFormat, typer.Option("--format", help="In which language.")] = GraphFormat.MERMAID,
) -> None:
    """Draw what builds on what, from courses to certificates."""
    with told():
        drawn = graph_of(read_catalogue(file, NOBODY))
        typer.echo(dump_graph(drawn, form), nl=False)
        if form is GraphFormat.MERMAID and len(drawn.arrows) > MAX_MERMAID_ARROWS:
            err.print(
                f"{file}: {len(drawn.arrows)} arrows; Mermaid draws at most {MAX_MERMAID_ARROWS} "
                "unless maxEdges is set. --format dot"
            )


@app.command("test")
def try_scenarios(
    file: File,
    scenarios: Annotated[
        list[Path] | None,
        typer.Argument(help=f"Files of scenarios; by default the one beside it, NAME{SUFFIX}.", show_default=False),
    ] = None,
    time_zone: TimeZone = UTC_ZONE,
) -> None:
    """
    Try a catalogue with scenarios: what a learner does, and what is expected; exit 1 if one fails.

    Each scenario is judged by the code that the workers run (docs/catalogue.md, "Scenarios").
    """
    with told():
        catalogue = read_catalogue(file, NOBODY, time_zone)
        paths = scenarios or [beside(file)]
        tried = [(path, run_scenario(catalogue, one)) for path, one in _read_all(file, paths, catalogue)]
        failed = 0
        for path, scenarios_of in groupby(tried, key=lambda pair: pair[0]):
            out.print(f"{path}")
            for _, one in scenarios_of:
                out.print(f"  {'FAILED' if one.differences else 'passed'}  {one.scenario.name}")
                for difference in one.differences:
                    out.print(f"{difference}")
                failed += bool(one.differences)
        out.print(
            f"{len(tried)} scenario{'s' if len(tried) > 1 else ''}: {len(tried) - failed} passed, {failed} failed"
        )
        if failed:
            raise typer.Exit(FAILED)


def _read_all(file: Path, paths: list[Path], catalogue: Catalogue) -> list[tuple[Path, Scenario]]:
    """The scenarios of all files, or the faults of all."""
    found: list[tuple[Path, Scenario]] = []
    faults: list[Fault] = []
    if paths == [beside(file)] and not paths[0].exists():
        fail(f"{file}: There are no scenarios beside it. Write {paths[0]}, or name the files.", USAGE)
    for path in paths:
        try:
            found += [(path, scenario) for scenario in read_scenarios(path, catalogue)]
        except FileFaults as refused:
            faults += refused.faults
    if faults:
        raise FileFaults(faults)
    return found


def _asked(file: Path, catalogue: Catalogue, ids: list[str]) -> list[Credential]:
    """The credentials of these ids, in the order of the file; all, if none is named."""
    known = {str(credential.id): credential for credential in catalogue.credentials}
    for name in ids:
        if name not in known:
            closest = nearest(name, known)
            some = ", ".join(list(known)[:_IDS_NAMED]) + (", …" if len(known) > _IDS_NAMED else ".")
            cure = f"Did you mean {show(closest)}?" if closest else f"The ids here are {some}"
            fail(f"{file}: There is no credential {show(name)}. {cure}", USAGE)
    return [credential for name, credential in known.items() if not ids or name in ids]


def _explained(one: Explanation, version: str) -> dict[str, object]:
    return {
        "id": one.id,
        "version": version,
        "kind": one.kind.value,
        "name": one.name,
        "what": one.what,
        "description": one.description,
        "needs": _required(one.needs),
        "when_no_longer_met": one.when_no_longer_met,
        "validity": one.validity,
        "counted_by": [{"id": by.id, "kind": by.kind.value, "name": by.name} for by in one.counted_by],
        "skills": [{"framework": skill.framework, "code": skill.code, "name": skill.name} for skill in one.skills],
        "certificate": one.certificate,
        "text": one.text,
    }


def _required(needs: Requirement) -> dict[str, object]:
    return {"text": needs.text, "parts": [_required(part) for part in needs.parts]}

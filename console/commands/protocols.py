"""Study protocols as files: checked, adopted, read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console import here
from console.acting import tick
from console.asks import who
from console.options import As, Json, Secret
from console.show import Screen, as_json, line, pairs, table
from console.signin import sit
from console.study_files import read_study
from protocol.check import staffing_gaps
from protocol.dictionary import dictionary_of
from protocol.file import read_protocol, warnings_of
from protocol.model import StudyProtocol

FileArg = Annotated[Path, typer.Argument(metavar="FILE", help="The protocol file (YAML).")]


def _gaps(protocol: StudyProtocol) -> list[str]:
    people = here.site().log.authority().people.values()
    return staffing_gaps(protocol, {p.account: (p.person, p.roles_at()) for p in people})


def check(file: FileArg, json: Json = False) -> None:
    """Check a protocol file: every problem and every warning with its line, field and reason. With a site, also its staffing.

    Example: unbroken protocol check study.yaml
    """
    study = read_study(file)
    protocol = read_protocol(study.text, study.name, terms=study.terms)
    told = warnings_of(protocol)
    gaps = _gaps(protocol) if here.folder() is not None else []
    head = protocol.protocol
    terms = dictionary_of(protocol) if protocol.safety and protocol.safety.events else None
    if json:
        named = {"title": terms.title, "terms": len(terms.grades), "sha256": terms.sha256} if terms else None
        as_json({"protocol": head.id, "version": head.version, "digest": protocol.digest, "steps": len(protocol.steps),
                 "dictionary": named, "warnings": [one._asdict() for one in told], "staffing_gaps": gaps})  # fmt: skip
        return
    line(
        f"{file}: protocol {head.id} {head.version} can be adopted; {len(protocol.steps)} steps, digest {protocol.digest}."
    )
    if terms:
        line(f"Adverse events: {terms.title}, terms: {len(terms.grades)}, SHA-256 {terms.sha256}.")
    for warning in [*told, *gaps]:
        line(f"Warning: {warning}")


def adopt(file: FileArg, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Adopt a protocol file: therapies opened from now on are pinned to it; those that run keep theirs until they are moved.

    Example: unbroken protocol adopt study.yaml --as quality.1
    """
    site = here.site()
    study = read_study(file)
    # What is wrong in the file is told before a passphrase is asked.
    read_protocol(study.text, study.name, terms=study.terms)
    sitting = sit(site, account, secret)
    before = site.log.size()
    protocol = site.desk().adopt(study.text, sitting, study.name, terms=study.terms)
    new = site.log.size() > before
    if new:
        tick(site)
    head, gaps, told = protocol.protocol, _gaps(protocol), warnings_of(protocol)
    if json:
        as_json({"protocol": head.id, "version": head.version, "digest": protocol.digest, "new": new,
                 "warnings": [one._asdict() for one in told], "staffing_gaps": gaps})  # fmt: skip
        return
    screen = Screen(site)
    screen.simulated()
    says = (
        f"Adopted. Signed: {screen.name(sitting.account)}, approved."
        if new
        else "It was adopted already; nothing was recorded."
    )
    line(f"Protocol {head.id} {head.version}, digest {protocol.digest}. {says}")
    for warning in [*told, *gaps]:
        line(f"Warning: {warning}")


def list_protocols(json: Json = False) -> None:
    """List the adopted protocols, the one for new therapies last.

    Example: unbroken protocol list
    """
    found = here.site().desk().protocols()
    rows: list[dict[str, Any]] = [
        {"protocol": p.protocol.id, "version": p.protocol.version, "title": p.protocol.title, "steps": len(p.steps),
             "digest": p.digest} for p in found]  # fmt: skip
    if json:
        as_json(rows)
        return
    table(["protocol", "version", "steps", "digest", "title"],
          [[r["protocol"], r["version"], r["steps"], r["digest"][:16], r["title"]] for r in rows], "Adopted protocols")  # fmt: skip


def show(
    digest: Annotated[
        str | None,
        typer.Argument(metavar="[DIGEST]", help="The beginning of its digest; the last adopted, if left out."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print the file itself, to the byte.")] = False,
    terms: Annotated[
        bool,
        typer.Option("--terms", help="Print the dictionary of adverse events that was adopted with it, if one was."),
    ] = False,
    json: Json = False,
) -> None:
    """Show an adopted protocol: its steps, who signs them, and the release criteria.

    Example: unbroken protocol show --text > adopted.yaml
    """
    from events.errors import Refused

    found = [p for p in here.site().desk().protocols() if p.digest.startswith(digest or "")]
    if not found:
        raise Refused("protocol.adopted", f"No adopted protocol has a digest that begins with {digest}.",
                      advice="`unbroken protocol list` shows them.", values={"digest": digest})  # fmt: skip
    protocol = found[-1]
    if text or terms:
        print(protocol.text if text else protocol.terms, end="")
        return
    if json:
        as_json(protocol.model_dump(mode="json", exclude={"text", "terms"}, exclude_defaults=True))
        return
    head = protocol.protocol
    pairs([("protocol", f"{head.id} {head.version}"), ("title", head.title), ("product", head.product),
           ("registered", head.registered or ""), ("digest", protocol.digest)])  # fmt: skip
    rows = [[step.id, step.kind, *who(step), ", ".join(step.after)] for step in protocol.steps]
    table(["step", "kind", "performed by", "signs second", "after"], rows, "\nSteps")

"""Labels: printed and issued, what became of each, and every one that is not accounted for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from console import here
from console.acting import act, shown
from console.acts import command, pair, wrong
from console.given import refuse_place
from console.one_look import opened
from console.options import As, Json, Secret, TherapyArg, Why
from console.show import Screen, as_json, line, table
from console.signin import named, sit
from console.site import Site
from events.facts.labels import LabelsIssued
from events.identifiers import read_code
from protocol.commands import DropFates, GiveFates, IssueLabels, WitnessFates
from protocol.desk import Desk
from protocol.gate import check_running
from protocol.labels import content, next_serials, template_for
from protocol.state import Label, Therapy

Serials = Annotated[list[str], typer.Argument(metavar="SERIAL...", help="The label's serial, or several.")]
Act = Annotated[
    str | None, typer.Option("--act", metavar="LINK", help="Which record, where several wait: 8 characters or more.")
]
Rescan = Annotated[
    str | None, typer.Option("--scan", metavar="CODE", help="The item, scanned by the label that is on it now.")
]


def print_labels(
    therapy: TherapyArg,
    material: Annotated[str, typer.Option("--material", metavar="CODE", help="The item that the labels are for.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The PDF to write; one page a label.")],
    template: Annotated[
        str | None, typer.Option("--template", metavar="NAME", help="Which kind of label, where the item has several.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", help="How many; a set as the study says, if left out.")
    ] = None,
    serial: Annotated[
        list[str] | None,
        typer.Option("--serial", metavar="CODE", help="Serials that stand on numbered stock already. Repeat it."),
    ] = None,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="The reason of a reprint. It is signed and kept.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Print serial labels as PDF, and record each as issued with what it says. A person signs for it.

    Each label is then accounted for in the labelling step. Another one for the same item needs a reason, and a fate for
    the one that it replaces.

    Example: unbroken label print T-7K2QXM --material G123498654321 --out labels.pdf --as apheresis.nurse.1
    """
    refuse_place(out)
    site = here.site()
    desk = site.desk()
    issue = _issue(desk, opened(desk, therapy), material, template, count, serial, why)
    who = named(account)
    (issued,) = desk.may(therapy, issue, who).facts
    assert isinstance(issued, LabelsIssued)  # that is what the command gives
    from console.labels.pdf import digest, labels_pdf

    pdf = labels_pdf(issued)
    sitting = sit(site, who, secret)
    with _written(out, pdf):
        receipt = desk.act(therapy, issue.model_copy(update={"file": digest(pdf)}), sitting)
    shown(site, desk, receipt, sitting, therapy, json)
    if not json:
        many = f"{len(issued.serials)} labels, one a page" if len(issued.serials) > 1 else "1 label"
        line(f"Printed: {out}, {many}, {issued.size}")


def _issue(
    desk: Desk,
    state: Therapy,
    material: str,
    template: str | None,
    count: int | None,
    serials: list[str] | None,
    why: str | None,
) -> IssueLabels:
    """The command, with serials chosen where none are given, and the digest of what the label says now."""
    check_running(state)
    if count is not None and (count < 1 or serials):
        says = "names serials already" if serials else f"{count} is no number of labels"
        raise wrong("--count", says, "Print 1 to 50, or name the serials.", count=count)
    protocol, code = desk.protocol_of(state), read_code(material)
    shown_, name = None, template
    found = state.materials.get(code)
    if found is not None:  # the rulebook refuses what is not there
        name = template_for(state, protocol, found, template)
        count = count or protocol.labels[name].count
        shown_ = content(state, protocol, name, found).digest
    chosen = [read_code(text) for text in serials] if serials else list(next_serials(state, min(count or 1, 51)))
    document = {"material": code, "template": name, "serials": chosen, "why": why, "shown": shown_}
    return command(IssueLabels, document)


@contextmanager
def _written(out: Path, pdf: bytes) -> Iterator[None]:
    """A PDF that is on the disk before what is done inside, under its name only after it: what is not issued is not there.

    Raises:
        Refused: a file of that name exists.
    """
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        advice = "Name another; a printed set is never written over."
        raise wrong(str(out), "there is a file of that name", advice, file=out) from None
    ready = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        ready.write_bytes(pdf)
        yield
        ready.replace(out)
    except BaseException:
        ready.unlink(missing_ok=True)
        out.unlink(missing_ok=True)
        raise


def fate(
    therapy: TherapyArg,
    label: Annotated[
        list[str],
        typer.Argument(metavar="SERIAL=FATE...", help="applied, attached_to_record or destroyed, for each serial."),
    ],
    why: Why,
    scan: Rescan = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say what became of labels outside the labelling step. It stands when a second person has signed.

    Example: unbroken label fate T-7K2QXM T-7K2QXM-L004=applied --scan G123498654321 --why "torn one replaced" --as operator.1
    """
    document = {
        "labels": [{"serial": read_code(serial), "fate": word} for serial, word in (pair(x, "SERIAL") for x in label)],
        "reason": why,
        "rescan": scan,
    }
    act(here.site(), therapy, command(GiveFates, document), account, secret, json)


def destroy(
    therapy: TherapyArg,
    serial: Serials,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say that labels were destroyed: torn, smeared, printed wrongly. It stands when a second person has signed.

    Example: unbroken label destroy T-7K2QXM T-7K2QXM-L002 --why "smeared in the printer" --as apheresis.nurse.1
    """
    fates = [{"serial": read_code(text), "fate": "destroyed"} for text in serial]
    act(here.site(), therapy, command(GiveFates, {"labels": fates, "reason": why}), account, secret, json)


def witness(
    therapy: TherapyArg, which: Act = None, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Sign second that a label was destroyed, applied or attached: seen with one's own eyes.

    Example: unbroken label witness T-7K2QXM --as apheresis.nurse.2
    """
    site = here.site()
    act(site, therapy, WitnessFates(act=which or _waiting(site, therapy)), account, secret, json)


def drop(
    therapy: TherapyArg, why: Why, which: Act = None, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """It is not so: whoever signed takes it back, or the second person will not sign. The labels have no fate then.

    Example: unbroken label drop T-7K2QXM --why "it was another label" --as apheresis.nurse.2
    """
    site = here.site()
    document = {"act": which or _waiting(site, therapy), "reason": why}
    act(site, therapy, command(DropFates, document), account, secret, json)


def _waiting(site: Site, therapy: str) -> str:
    """The one record that waits; the rulebook says no where there is none, or are several."""
    desk = site.desk()
    waiting = list(opened(desk, therapy).label_acts)
    return waiting[0] if len(waiting) == 1 else ""


def list_labels(
    therapy: TherapyArg,
    material: Annotated[str | None, typer.Option("--material", metavar="CODE", help="Of one item only.")] = None,
    json: Json = False,
) -> None:
    """Every label that was issued, with its one fate, or UNACCOUNTED.

    Example: unbroken label list T-7K2QXM
    """
    site = here.site()
    state = opened(site.desk(), therapy)
    wanted = read_code(material) if material else None
    rows = [_row(state, label) for label in state.labels.values() if wanted in (None, label.material)]
    if json:
        as_json(rows)
        return
    screen = Screen(site)
    screen.simulated()
    cells = [
        [
            row["serial"],
            row["material"],
            row["template"],
            row["fate"].replace("_", " ")
            or (f"waits for a witness ({row['signed']})" if row["signed"] else "UNACCOUNTED"),
            f"{screen.when(row['issued'])}, {screen.name(row['account'])}",
            row["why"],
        ]
        for row in rows
    ]
    table(
        ["serial", "item", "label", "fate", "printed", "why"],
        cells,
        f"Labels of {therapy}; {screen.zone_note()}",
        "No label was printed here.",
    )
    open_ = [row["serial"] for row in rows if not row["fate"]]
    if rows:
        line(f"Unaccounted: {len(open_)}" + (f" ({', '.join(open_)}); the next step stays shut" if open_ else ""))


def _row(state: Therapy, label: Label) -> dict[str, Any]:
    waits = state.fate_waits(label.serial)
    at = label.issued.serials.index(label.serial)
    return {
        "serial": label.serial,
        "material": label.material,
        "template": label.template,
        "fate": label.fate,
        "signed": waits.account if waits else "",
        "issued": label.by.recorded,
        "account": label.by.account,
        "why": label.issued.why or "",
        "replaces": label.issued.replaces[at] if at < len(label.issued.replaces) else "",
        "replaced": label.replaced,
        "file": label.issued.file or "",
    }

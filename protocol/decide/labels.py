"""Decide about labels: issued and printed, given a fate outside the reconciliation of their set, seen by a second person."""

from __future__ import annotations

from typing import assert_never

from events.facts.base import LabelFate
from events.facts.labels import LabelFatesDropped, LabelFatesGiven, LabelFatesWitnessed, LabelsIssued
from events.identifiers import read_code
from protocol.codes import check_unused
from protocol.commands import DropFates, GiveFates, IssueLabels, LabelCommand, WitnessFates
from protocol.decide.quality import known_material
from protocol.decision import Decision, code_stream
from protocol.gate import check_running
from protocol.labelling import check_right, one_fate
from protocol.labels import content, roles_for, template_for
from protocol.mismatch import check_standing_still
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Label, Material, Signed, Therapy
from protocol.surroundings import Surroundings

MOST = 50
"""Labels of one act."""
LEAST_LINK = 8


def decide_labels(therapy: Therapy, protocol: StudyProtocol, command: LabelCommand, around: Surroundings) -> Decision:
    """What follows from a command about labels."""
    match command:
        case IssueLabels():
            return _issue(therapy, protocol, command, around)
        case GiveFates():
            return _give(therapy, protocol, command, around)
        case WitnessFates():
            return _witness(therapy, command, around)
        case DropFates():
            return _drop(therapy, protocol, command, around)
        case _:
            assert_never(command)


def _issue(therapy: Therapy, protocol: StudyProtocol, command: IssueLabels, around: Surroundings) -> Decision:
    check_running(therapy)
    material = known_material(therapy, read_code(command.material))
    name = template_for(therapy, protocol, material, command.template)
    check_role(protocol.labels[name].printed_by, around.actor, f"print the label {name}")
    if not material.live:
        raise refuse(
            "identity.material-live",
            f"{material.code} was {material.ended}; no label is printed for it.",
            "Look at what is in your hands.",
            code=material.code,
        )
    if therapy.holds:
        hold = next(iter(therapy.holds.values()))
        raise refuse(
            "identity.hold",
            f"The items of {therapy.id} are held: {hold.says}.",
            "QA and a second person clear it after a right rescan: `unbroken hold clear`.",
            therapy=therapy.id,
        )
    check_standing_still(therapy)
    serials = _new_serials(therapy, command, around)
    replaces = _replaced(therapy, material, name, len(serials), command.why)
    says = content(therapy, protocol, name, material)
    if command.shown is not None and command.shown != says.digest:
        raise refuse(
            "log.moved-meanwhile",
            f"What the label of {material.code} must say changed while it was being printed.",
            "Nothing was issued. Destroy what was printed, and print again.",
            material=material.code,
        )
    fact = LabelsIssued(
        therapy=therapy.id,
        serials=serials,
        material=material.code,
        template=name,
        symbol=says.symbol,
        title=says.title,
        size=says.size,
        lines=says.lines,
        statements=says.statements,
        replaces=replaces,
        why=command.why,
        file=command.file,
    )
    return Decision((fact,), "performed", around.now, tuple(code_stream(serial) for serial in serials))


def _new_serials(therapy: Therapy, command: IssueLabels, around: Surroundings) -> tuple[str, ...]:
    serials = tuple(read_code(serial) for serial in command.serials)
    if not 1 <= len(serials) <= MOST:
        raise refuse(
            "label.count",
            f"{len(serials)} labels cannot be printed in one act.",
            f"Print 1 to {MOST}.",
            count=len(serials),
        )
    for at, serial in enumerate(serials):
        if serial in around.owners or therapy.uses(serial) or serial in serials[:at]:
            raise refuse(
                "identity.new-code",
                f"Label serial {serial} is in use already{_whose(around.owners.get(serial))}.",
                "A serial names one label and nothing else; take the next number.",
                code=serial,
            )
        check_unused(serial, "label", around.known_as)
    return serials


def _whose(owner: str | None) -> str:
    return f" for {owner}" if owner else ""


def _replaced(
    therapy: Therapy, material: Material, name: str, count: int, why: str | None
) -> tuple[str, ...]:  # fmt: skip
    """The destroyed labels in whose place these are printed.

    Raises:
        Refused: there are earlier labels, and no reason is given, or too few of them were destroyed while some have no fate.
    """
    earlier = [x for x in therapy.labels.values() if (x.material, x.template) == (material.code, name)]
    if not earlier:
        return ()
    free = [x.serial for x in earlier if x.fate == "destroyed" and not x.replaced]
    open_ = [x.serial for x in earlier if not x.fate]
    if open_ and count > len(free):
        raise refuse(
            "label.reprint",
            f"{count} more of {name} for {material.code}, but only {len(free)} of the earlier ones are destroyed and "
            f"not replaced; without a fate are {', '.join(open_)}.",
            "First say what became of the label that the new one replaces: `unbroken label destroy`, signed by two.",
            without_fate=open_,
            destroyed=free,
            count=count,
        )
    if why is None:
        raise refuse(
            "label.why",
            f"{material.code} has had {len(earlier)} of {name} already, and no reason is given for more.",
            "Say why: `--why`.",
            earlier=[x.serial for x in earlier],
        )
    return tuple(free[:count])


def _give(therapy: Therapy, protocol: StudyProtocol, command: GiveFates, around: Surroundings) -> Decision:
    fates = tuple(LabelFate(serial=read_code(label.serial), fate=label.fate) for label in command.labels)
    labels = [_known(therapy, fate.serial, around) for fate in fates]
    if not labels:
        raise refuse("record.complete", "No label is named.", "Name each serial and its fate.")
    awaits: tuple[str, ...] = ()
    for label in labels:
        printers, witnesses = roles_for(protocol, label.template)
        check_role((*printers, *witnesses), around.actor, f"say what became of {label.serial}")
        awaits = tuple(dict.fromkeys((*awaits, *witnesses)))
        if by := therapy.fate_waits(label.serial):
            raise refuse(
                "label.pending",
                f"A fate of {label.serial} is signed by {by.account} and waits for its second signature.",
                "Sign it second, or drop it; a label has one fate.",
                serial=label.serial,
            )
    serials = [label.serial for label in labels]
    settled = {label.serial for label in labels if label.fate}
    one_fate(therapy.id, [s for s in serials if s not in settled], (), fates, settled)
    applied = [therapy.labels[fate.serial] for fate in fates if fate.fate == "applied"]
    rescan = _rescanned(applied, command.rescan)
    check_right(therapy, protocol, applied)
    fact = LabelFatesGiven(therapy=therapy.id, labels=fates, reason=command.reason, rescan=rescan, awaits=awaits)
    return Decision((fact,), "performed", around.now)


def _known(therapy: Therapy, serial: str, around: Surroundings) -> Label:
    if serial not in therapy.labels:
        owner = around.owners.get(serial)
        whose = f"; it belongs to {owner}" if owner and owner != therapy.id else ""
        raise refuse(
            "label.issued",
            f"{serial} is no label that was issued for {therapy.id}{whose}.",
            f"Look at the serial again; `unbroken label list {therapy.id}` shows every one.",
            serial=serial,
            belongs_to=owner,
        )
    return therapy.labels[serial]


def _rescanned(applied: list[Label], rescan: str | None) -> str | None:
    """The material on which applied labels were scanned again.

    Raises:
        Refused: it was not scanned, or the scan shows another.
    """
    scanned = read_code(rescan) if rescan else None
    for label in applied:
        if scanned is None:
            raise refuse(
                "identity.scan-present",
                f"{label.serial} is said to be on {label.material}, which has not been scanned again.",
                "Scan the item by the label that is on it now: `--scan`.",
                serial=label.serial,
            )
        if scanned != label.material:
            raise refuse(
                "identity.scan-matches",
                f"The scan shows {scanned}, but {label.serial} was printed for {label.material}.",
                "Stop. This label is on the wrong item, or it is the wrong label: call QA.",
                presented=scanned,
                expected=label.material,
            )
    return scanned if applied else None


def _waiting(therapy: Therapy, link: str) -> Signed:
    found = (
        [by for key, (_, by) in therapy.label_acts.items() if key.startswith(link)] if len(link) >= LEAST_LINK else []
    )
    if len(found) != 1:
        waiting = ", ".join(key[:12] for key in therapy.label_acts) or "nothing"
        raise refuse(
            "signature.pending",
            f"No fate of a label {link} of {therapy.id} waits for a second signature.",
            f"Waiting are: {waiting}.",
            act=link,
        )
    return found[0]


def _witness(therapy: Therapy, command: WitnessFates, around: Surroundings) -> Decision:
    by = _waiting(therapy, command.act)
    if by.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not sign second: {by.person} signed first.",
            "One person is one person under any account. Fetch another.",
            person=by.person,
        )
    check_role(therapy.label_acts[by.link][0].awaits, around.actor, "see what became of a label")
    return Decision((LabelFatesWitnessed(therapy=therapy.id, act=by.link),), "witnessed", around.now)


def _drop(therapy: Therapy, protocol: StudyProtocol, command: DropFates, around: Surroundings) -> Decision:
    """The fates do not stand. Whoever could sign second declines them, or QA where nobody else can, as with any act."""
    by = _waiting(therapy, command.act)
    own = by.person == around.actor.person
    if not own:
        roles = (*therapy.label_acts[by.link][0].awaits, *protocol.qa_roles)
        check_role(roles, around.actor, "decline what became of a label")
    fact = LabelFatesDropped(therapy=therapy.id, act=by.link, reason=command.reason)
    return Decision((fact,), "withdrawn" if own else "declined", around.now)

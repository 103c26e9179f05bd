"""Labels reconciled: every serial of a set has exactly one fate, and none is left over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from events.facts.base import LabelFate
from events.identifiers import read_code
from protocol.commands import Perform
from protocol.gate import Admitted
from protocol.labels import differs, labelled, unaccounted_in
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.state import Label, Material, Therapy
from protocol.surroundings import Surroundings
from protocol.wrong_item import WrongItem


def labelling(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> dict[str, Any]:
    """The serials issued and their fates. What was issued is what the log says, where the study prints its labels.

    Raises:
        Refused: not every label has exactly one fate, or the wrong one.
        WrongItem: a label of another patient was presented.
    """
    fates = [LabelFate(serial=read_code(label.serial), fate=label.fate) for label in command.labels]
    typed = [read_code(serial) for serial in command.issued]
    if not act.step.labels:
        one_fate(act.step.id, typed, typed, fates)
        if not typed:
            raise _none_issued(act)
        return {"issued": typed, "labels": fates}
    known = labelled(therapy, protocol, act.step, act.at.material)
    issued = [label.serial for label in unaccounted_in(therapy, protocol, act.step, act.at.material)]
    _own(therapy, issued, [*typed, *(fate.serial for fate in fates)], around)
    _printed(therapy, act, known)
    _settled(therapy, issued)
    one_fate(act.step.id, issued, typed, fates, {x.serial for x in therapy.labels.values() if x.fate})
    _rescanned(act, known)
    _applied(therapy, act, known, fates)
    check_right(therapy, protocol, [therapy.labels[f.serial] for f in fates if f.fate == "applied"])
    return {"issued": issued, "labels": fates}


def _none_issued(act: Admitted) -> Exception:
    return refuse(
        "label.one-fate",
        f"Labels of {act.step.id}: 0 issued; a labelling without labels is none.",
        "Say which serials were issued, and the one fate of each.",
        unaccounted=[],
        doubled=[],
        strange=[],
    )


def one_fate(
    step: str,
    issued: Sequence[str],
    typed: Sequence[str],
    fates: Sequence[LabelFate],
    settled: Collection[str] = (),
) -> None:
    """Refuse anything but exactly one fate for each label issued.

    Args:
        issued: the serials that count. typed: those that a person says were issued.
        settled: serials that have their fate already; another one would be their second.

    Raises:
        Refused: naming the labels unaccounted for, those with two fates, and those that were never issued.
    """
    serials = [fate.serial for fate in fates]
    missing = sorted(set(issued) - set(serials))
    twice = {s for s in serials if serials.count(s) > 1} | {s for s in typed if typed.count(s) > 1}
    doubled = sorted(twice | (set(serials) & set(settled)))
    strange = sorted({*serials, *typed} - set(issued) - set(settled))
    if missing or doubled or strange:
        raise refuse(
            "label.one-fate",
            f"Labels of {step}: {len(issued)} issued, unaccounted {', '.join(missing) or 'none'}, "
            f"doubled {', '.join(doubled) or 'none'}, never issued {', '.join(strange) or 'none'}.",
            "Each serial label has exactly one fate: applied, attached_to_record or destroyed. Find the missing ones.",
            unaccounted=missing,
            doubled=doubled,
            strange=strange,
        )


def check_right(therapy: Therapy, protocol: StudyProtocol, applied: Sequence[Label]) -> None:
    """Refuse a label on a material that says otherwise than it must say now.

    Raises:
        Refused: naming the label and what is wrong on it.
    """
    for label in applied:
        if wrong := differs(therapy, protocol, label):
            raise refuse(
                "label.outdated",
                f"{label.serial} on {label.material} is not what the label must say now: {wrong}.",
                "Take it off and destroy it (`unbroken label destroy`), print it again, and apply the new one.",
                serial=label.serial,
                wrong=wrong,
            )


def _own(therapy: Therapy, issued: Sequence[str], presented: Sequence[str], around: Surroundings) -> None:
    for serial in presented:
        owner = around.owners.get(serial)
        if owner is not None and owner != therapy.id:
            raise WrongItem("label", issued[0] if issued else "LABEL", serial, owner)


def _printed(therapy: Therapy, act: Admitted, known: Sequence[tuple[Material, str]]) -> None:
    has = {(label.material, label.template) for label in therapy.labels.values()}
    if lacking := [f"{name} of {material.code}" for material, name in known if (material.code, name) not in has]:
        raise refuse(
            "label.issued",
            f"Step {act.step.id} labels what has no label yet: {', '.join(lacking)}.",
            "Print them first: `unbroken label print`; only what was issued can be reconciled.",
            lacking=lacking,
        )


def _settled(therapy: Therapy, issued: Sequence[str]) -> None:
    for serial in issued:
        if by := therapy.fate_waits(serial):
            raise refuse(
                "label.pending",
                f"A fate of {serial} is signed by {by.account} and waits for its second signature.",
                "Sign it second (`unbroken label witness`) or drop it; then reconcile the rest.",
                serial=serial,
            )


def _rescanned(act: Admitted, known: Sequence[tuple[Material, str]]) -> None:
    scanned = {code for codes in act.scanned.known.values() for code in codes}
    for material, _ in known:
        if material.code not in scanned:
            raise refuse(
                "identity.scan-present",
                f"Step {act.step.id} labels every {material.kind}; {material.code} has not been scanned.",
                "Scan each item by the label that is on it now.",
                step=act.step.id,
                code=material.code,
            )


def _applied(
    therapy: Therapy, act: Admitted, known: Sequence[tuple[Material, str]], fates: Sequence[LabelFate]
) -> None:
    said = {fate.serial: fate.fate for fate in fates}
    bears = {
        (label.material, label.template)
        for label in therapy.labels.values()
        if (label.fate or said.get(label.serial)) == "applied"
    }
    if bare := [f"{name} on {material.code}" for material, name in known if (material.code, name) not in bears]:
        raise refuse(
            "label.applied",
            f"After {act.step.id} each item bears its label; none is applied: {', '.join(bare)}.",
            "Apply one, or print another: `unbroken label print --why`.",
            bare=bare,
        )

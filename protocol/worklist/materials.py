"""Materials that wait: to be disposed of, kept or returned, and labels to be printed and accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from protocol.blocking import Shut
from protocol.due import Due
from protocol.endings import may_keep, unsettled
from protocol.labels import differs, labelled, roles_for, sets
from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.worklist.item import WorkItem


def materials(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Material of a therapy that stopped, or samples that may not be kept: to be disposed of, kept or returned."""
    items, signed = [], {code for fact, _ in therapy.disposals.values() for code in fact.materials}
    for link, (fact, by) in therapy.disposals.items():
        codes = ", ".join(fact.materials)
        says = f"disposal of {codes}: signed by {by.account}, waits for a witness ({fact.reason})"
        items.append(
            WorkItem(
                therapy.id, "material", "", "", fact.materials[0], "Witness the disposal", fact.awaits, says,
                act=link, since=by.recorded,
            )
        )  # fmt: skip
    roles = tuple(dict.fromkeys([*protocol.qa_roles, *(protocol.endings.kept_by if protocol.endings else ())]))
    for material in sorted(unsettled(therapy, protocol), key=lambda m: m.code):
        if material.code in signed:
            continue
        permit = may_keep(therapy, protocol, material)
        title = protocol.materials[material.kind].title
        ways = f"dispose of it, return it, or keep it (consent permits {permit})" if permit else "dispose of it"
        says = f"{material.code} ({title}), held by {material.holder} at {material.place or 'no place'}: {ways}"
        items.append(
            WorkItem(
                therapy.id, "material", "", "", material.code, f"Settle {material.code}", roles, says,
            )
        )  # fmt: skip
    return items


def labels(therapy: Therapy, protocol: StudyProtocol, every: Iterable[Due], shut: Shut) -> list[WorkItem]:
    """Labels to be printed, to be accounted for, to be seen by a second person, or that no longer say what they must."""
    items = []

    def wait(step: str, code: str, title: str, roles: tuple[str, ...], says: str, act: str = "", **more: Any) -> None:
        items.append(WorkItem(therapy.id, "label", step, "1", code, title, roles, says, act=act or None, **more))

    for link, (given, by) in therapy.label_acts.items():
        told = ", ".join(f"{label.serial} {label.fate.replace('_', ' ')}" for label in given.labels)
        says = f"{told}: signed by {by.account}, waits for a witness ({given.reason})"
        wait("", "", "See what became of a label", given.awaits, says, link, since=by.recorded)
    coming: set[tuple[str, str]] = set()
    for due in every:
        if due.step.kind == "labelling" and due.standing in ("ready", "waiting", "awaiting_second"):
            for material, name in labelled(therapy, protocol, due.step, due.at.material):
                coming.add((material.code, name))
                if due.standing == "ready" and not sets(therapy, material.code, name):
                    template = protocol.labels[name]
                    says = f"print {template.count} of {name} for {material.code}"
                    blocks = shut.by_label(due.at.step)
                    wait(due.at.step, material.code, template.title, template.printed_by, says, blocks=blocks)
    for code, name in dict.fromkeys((x.material, x.template) for x in therapy.labels.values()):
        printers, mine = roles_for(protocol, name)[0], sets(therapy, code, name)
        # A record past the desk may name an item that is not there: the audit says so, and the list goes on.
        item = therapy.materials.get(code)
        open_ = [x.serial for x in mine if not x.fate and x.serial not in _signed_once(therapy)]
        if open_ and (code, name) not in coming:
            live = item is not None and item.live
            says = f"UNACCOUNTED: {', '.join(open_)} of {code}" + ("; the next step stays shut" if live else "")
            wait("", code, "Account for labels", printers, says, required=live)
        applied = [x for x in mine if x.fate == "applied"]
        in_use = item is not None and item.live and not item.earlier
        if applied and in_use and (wrong := differs(therapy, protocol, applied[-1])):
            says = f"{applied[-1].serial} on {code} is to be replaced: {wrong}"
            wait("", code, "Label anew", printers, says, required=False)
    return items


def _signed_once(therapy: Therapy) -> set[str]:
    return {label.serial for given, _ in therapy.label_acts.values() for label in given.labels}

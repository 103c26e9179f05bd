"""Reads a log record by record, keeps each patient's state, and says which rule a record broke."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.properties.page import rules
from tests.properties.page.patients import STEPS, Done, Fact, Item, Patient, key_of, when

KIND = b"application/vnd.unbroken.statement.v1+json"
Signer = dict[str, str]

RULES: dict[str, Callable[..., Any]] = {**rules.BEFORE, **rules.AFTER, **rules.WHOLE}
"""Every rule that is watched, by the name that it is broken under."""


class Watch:
    """All patients of a log; `broken` says what was broken, by which record."""

    def __init__(self) -> None:
        self.patients: dict[str, Patient] = {}
        self.broken: list[tuple[str, str]] = []
        self.read = 0

    def record(self, value: bytes) -> None:
        """One accepted record, as it is kept."""
        payload = base64.b64decode(json.loads(value)["payload"])
        link = hashlib.sha256(b"DSSEv1 %d %s %d %s" % (len(KIND), KIND, len(payload), payload)).hexdigest()
        statement = json.loads(payload)
        data = statement["data"]
        names = [s.removeprefix("therapy/") for s in data["heads"] if s.startswith("therapy/")]
        for name in names:
            self.patients.setdefault(name, Patient(name))
        signer = {"person": data["person"], "account": data["account"], "link": link, "recorded": data["recorded"]}
        # What is told of an act that already happened breaks rules, and says which; that it is heard of is a rule of its own.
        told = {fact["therapy"] for fact in data["facts"] if fact["fact"].startswith("act.happened.")}
        for fact in data["facts"]:
            patient = self.patients.get(fact.get("therapy", ""))
            if patient is not None:
                if patient.name not in told:
                    self._judge(rules.BEFORE, patient, fact, signer)
                _apply(patient, fact, signer)
        for name in names:
            self._judge(rules.AFTER, self.patients[name], data["facts"], signer)
        self._judge(rules.WHOLE, Patient("all"), data["facts"], signer)
        self.read += 1

    def _judge(self, judged: dict[str, Any], patient: Patient, said: Any, signer: Signer) -> None:
        for name, rule in judged.items():
            self.broken += [
                (name, f"record {self.read}, {patient.name}: {why}") for why in rule(self, patient, said, signer)
            ]


def _apply(patient: Patient, fact: Fact, signer: Signer) -> None:
    name = fact["fact"].rpartition(".v")[0]
    patient.signed[signer["link"]] = signer["person"]
    if name in STEPS:
        act = Done(name, fact, [fact.get("done_by", [signer])[0]["person"]])
        if fact.get("awaits"):
            patient.waiting[signer["link"]] = act
        else:
            _stands(patient, act)
    elif name == "act.witnessed" and fact["act"] in patient.waiting:
        act = patient.waiting.pop(fact["act"])
        act.people.append(signer["person"])
        _stands(patient, act)
    elif name in ("act.declined", "act.withdrawn"):
        lost = patient.waiting.pop(fact["act"], None)
        gone = key_of(lost.fact) if lost else None
        patient.values = {where: value for where, value in patient.values.items() if where[0] != gone}
    else:
        _APPLY.get(name, _nothing)(patient, fact, signer)


def _stands(patient: Patient, act: Done) -> None:
    fact, key = act.fact, key_of(act.fact)
    patient.acts[key] = act
    for reading in fact.get("readings", []):
        patient.values.setdefault((key, reading["name"]), reading["value"])
    for new in fact.get("created", []):
        parents = tuple(code for code in (new.get("parent"), *new.get("also", [])) if code)
        early = set(patient.held_early.get(new["code"], ()))
        patient.items[new["code"]] = Item(new["kind"], key, parents, held=early)
    for code in fact.get("consumed", []):
        patient.items[code].ended = "infused" if act.name == "product.infused" else "consumed"
    if act.name == "consent.given":
        patient.consented = True
    if act.name == "patient.enrolled":
        patient.coi, patient.subject, patient.wristband = fact["coi"], fact["subject"], fact["wristband"]
        patient.choices = {choice["name"]: choice["option"] for choice in fact.get("choices", [])}
    for code in fact["materials"] if act.name == "disposition.decided" else []:
        item = patient.items[code]
        item.held, item.released, item.rejected = set(), fact["decision"] == "released", fact["decision"] == "rejected"
        patient.excepted = bool(fact.get("exception"))


def _nothing(_patient: Patient, _fact: Fact, _signer: Signer) -> None:
    """A fact that these rules do not look at."""


def _opened(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.screening = fact["screening"]


def _values(patient: Patient, fact: Fact, _signer: Signer) -> None:
    for reading in fact.get("readings") or [fact["new"]]:
        patient.values[key_of(fact), reading["name"]] = reading["value"]


def _held(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.causes += 1
    for code in fact["materials"]:
        if code in patient.items:
            patient.items[code].held.add(patient.causes)
        else:
            patient.held_early.setdefault(code, set()).add(patient.causes)


def _decided(patient: Patient, fact: Fact, _signer: Signer) -> None:
    for code in fact["materials"]:
        item = patient.items[code]
        lifted = int(fact["cause"].removeprefix("Q-")) if "cause" in fact else None
        item.held = item.held - {lifted} if lifted else set()
        item.rejected = item.rejected or fact["decision"] == "rejected"
        item.released = item.released and fact["decision"] == "lifted"


def _ended(how: str) -> Callable[[Patient, Fact, Signer], None]:
    def end(patient: Patient, fact: Fact, _signer: Signer) -> None:
        for code in fact["materials"]:
            patient.items[code].ended = how

    return end


def _found(patient: Patient, fact: Fact, _signer: Signer) -> None:
    for code in fact["materials"]:
        patient.items[code].ended = ""


def _deviation(patient: Patient, fact: Fact, signer: Signer) -> None:
    patient.deviations[fact["deviation"]] = dict(fact)
    patient.opener[fact["deviation"]] = signer["person"]


def _changed(**change: str) -> Callable[[Patient, Fact, Signer], None]:
    def apply(patient: Patient, fact: Fact, _signer: Signer) -> None:
        known = patient.deviations[fact["deviation"]]
        known.update({name: fact.get(source, source) for name, source in change.items()})

    return apply


def _reopened(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.deviations[fact["deviation"]].pop("closed", None)


def _hold(patient: Patient, _fact: Fact, signer: Signer) -> None:
    patient.holds.add(signer["link"])


def _cleared(patient: Patient, fact: Fact, _signer: Signer) -> None:
    if not fact.get("awaits"):
        patient.holds.discard(fact["mismatch"])


def _remade(patient: Patient, fact: Fact, _signer: Signer) -> None:
    anew = set(fact["steps"])
    aside = {key: act for key, act in patient.acts.items() if key[0] in anew}
    patient.earlier.update(aside)
    patient.acts = {key: act for key, act in patient.acts.items() if key not in aside}
    patient.excepted = False


def _invalidated(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.invalidated.add(key_of(fact))


def _dlt(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.dlt_decided = patient.dlt_decided or fact["answer"] == "agreed"


def _died(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.died = when(fact["at"])


def _withdrew(patient: Patient, fact: Fact, _signer: Signer) -> None:
    if "treatment" in fact["withdrawn"]:
        patient.left_treatment = patient.left_treatment or when(fact["at"])


def _taken(patient: Patient, fact: Fact, _signer: Signer) -> None:
    patient.taken[fact["other"], fact["event"]] = fact["materials"] if fact["effect"] != "touched" else []


def _settled(patient: Patient, fact: Fact, _signer: Signer) -> None:
    for code in patient.taken.get((fact["other"], fact["event"]), []) if fact["decision"] == "confirmed" else ():
        if code in patient.items and not patient.items[code].ended:
            patient.items[code].ended = "elsewhere"


_APPLY: dict[str, Callable[[Patient, Fact, Signer], None]] = {
    "therapy.opened": _opened,
    "reading.reported": _values,
    "logger.read": lambda p, f, s: (
        _values(p, {**f, "readings": f.get("computed", [])}, s) if f.get("computed") else None
    ),
    "fact.corrected": _values,
    "material.quarantined": _held,
    "quarantine.decided": _decided,
    "material.disposed": _ended("disposed"),
    "material.returned": _ended("returned"),
    "material.lost": _ended("lost"),
    "material.found": _found,
    "deviation.opened": _deviation,
    "deviation.regraded": _changed(grade="new"),
    "deviation.assessed": _changed(impact="impact"),
    "deviation.closed": _changed(closed="conclusion"),
    "deviation.reopened": _reopened,
    "identity.mismatched": _hold,
    "item.presented_elsewhere": _hold,
    "identity_hold.cleared": _cleared,
    "item.taken_elsewhere": _taken,
    "item_elsewhere.settled": _settled,
    "remake.begun": _remade,
    "result.invalidated": _invalidated,
    "dlt.answered": _dlt,
    "patient.died": _died,
    "patient.withdrew": _withdrew,
}

"""A second fold, written from the record format alone: raw JSON in, a few plain answers out. It imports nothing of ours."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

STEPS = frozenset(
    "consent.given patient.assessed patient.enrolled slots.booked cells.collected labels.reconciled custody.given "
    "transport.reported material.received process.performed sample.tested disposition.decided conditioning.given "
    "identity.checked product.thawed product.infused patient.observed".split()
)
Key = tuple[str, str, str, int]


@dataclass
class Plain:
    """What can be said of a therapy: steps done with their signers, who holds what, what QA decided, what is open."""

    done: dict[Key, list[str]] = field(default_factory=dict)
    waiting: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    open_deviations: set[str] = field(default_factory=set)
    open_alerts: set[str] = field(default_factory=set)
    labels_open: set[str] = field(default_factory=set)
    fates_waiting: dict[str, list[str]] = field(default_factory=dict)
    lapsed: set[Key] = field(default_factory=set)
    taken: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    records: int = 0


def plain_fold(values: Iterable[bytes]) -> dict[str, Plain]:
    """Every therapy of a log, from the bytes of its accepted records in order."""
    therapies: dict[str, Plain] = {}
    for value in values:
        payload = base64.b64decode(json.loads(value)["payload"])
        kind = b"application/vnd.unbroken.statement.v1+json"
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        link = hashlib.sha256(signed).hexdigest()
        data = json.loads(payload)["data"]
        for stream in data["heads"]:
            if stream.startswith("therapy/"):
                name = stream.removeprefix("therapy/")
                plain = therapies.setdefault(name, Plain())
                plain.records += 1
                for fact in data["facts"]:
                    if fact.get("therapy") == name:
                        _apply(plain, fact, link, data["account"])
    return therapies


def _key(fact: dict[str, Any]) -> Key:
    key = fact["key"]
    return key["step"], key.get("occurrence", "1"), key.get("material", ""), key.get("batch", 1)


def _apply(plain: Plain, fact: dict[str, Any], link: str, account: str) -> None:
    name = fact["fact"].rpartition(".v")[0]
    if name in STEPS:
        if fact.get("awaits"):
            plain.waiting[link] = fact, account
        else:
            _stands(plain, fact, [account])
    elif name == "act.witnessed":
        first, performer = plain.waiting.pop(fact["act"])
        _stands(plain, first, [performer, account])
    elif name in ("act.declined", "act.withdrawn"):
        del plain.waiting[fact["act"]]
    elif name in ("material.disposed", "material.returned", "material.lost"):
        plain.holder.update(dict.fromkeys(fact["materials"], ""))
    elif name == "item.taken_elsewhere":
        plain.taken[fact["other"], fact["event"]] = fact["materials"] if fact["effect"] != "touched" else []
    elif name == "item_elsewhere.settled" and fact["decision"] == "confirmed":
        plain.holder.update({code: "" for code in plain.taken[fact["other"], fact["event"]] if code in plain.holder})
    elif name == "remake.begun":
        plain.disposition = ""
    elif name in ("material.kept", "material.found"):
        plain.holder.update(dict.fromkeys(fact["materials"], account))
    elif name == "deviation.opened":
        plain.open_deviations.add(fact["deviation"])
    elif name == "deviation.closed":
        plain.open_deviations.remove(fact["deviation"])
    elif name == "deviation.reopened":
        plain.open_deviations.add(fact["deviation"])
    elif name == "alert.raised":
        plain.open_alerts.add(fact["alert"])
    elif name == "alert.acknowledged":
        plain.open_alerts.remove(fact["alert"])
    elif name == "labels.issued":
        plain.labels_open.update(fact["serials"])
    elif name == "label_fates.given":
        plain.fates_waiting[link] = [label["serial"] for label in fact["labels"]]
    elif name in ("label_fates.witnessed", "label_fates.dropped"):
        serials = plain.fates_waiting.pop(fact["act"])
        plain.labels_open.difference_update(serials if name == "label_fates.witnessed" else [])
    elif name == "deadline.missed" and fact["deadline"] == "slot-hold":
        plain.lapsed.add(_key(fact))


def _stands(plain: Plain, fact: dict[str, Any], signers: list[str]) -> None:
    plain.done[_key(fact)] = signers
    hands = [one["account"] for one in fact.get("done_by", [])] or signers  # who did it, where others sign
    plain.labels_open.difference_update(label["serial"] for label in fact.get("labels", []))
    for made in fact.get("created", []):
        plain.holder[made["code"]] = hands[0]
    for code in fact.get("consumed", []):
        plain.holder[code] = ""
    if fact.get("to_place"):
        for code in fact.get("moves", []):
            plain.holder[code] = hands[-1]
    if "decision" in fact:
        plain.disposition = fact["decision"]

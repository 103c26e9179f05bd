"""The rules. Each yields what is broken.

Those of BEFORE look at a patient as she was before a fact, those of AFTER at a patient whose stream a record extends,
after it; those of WHOLE at every patient after a record.

Figures are the process's own, of the study that ships; the row or the step that each comes from stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.properties.page.patients import STEPS, Done, Fact, Patient, when

Rule = Callable[[Any, Patient, Any, dict[str, str]], Iterator[str]]

HELD = frozenset(
    "cells.collected labels.reconciled custody.given transport.reported material.received process.performed "
    "disposition.decided identity.checked product.thawed product.infused conditioning.given".split()
)
TREATING = frozenset("cells.collected conditioning.given product.thawed product.infused".split())
MADE = ("process.performed", "sample.tested")

# Release table of the process: at least, at most, below; a test of words says what it must be.
NUMBERS: list[tuple[str, str, str, str]] = [
    ("test_viability", "viability", ">=", "70"),
    ("test_phenotype", "cd3", ">=", "80"),
    ("test_phenotype", "car", ">=", "10"),
    ("test_vcn", "vcn", "<", "5"),
    ("test_beads", "beads", "<", "100"),
]
WORDS = [
    ("test_safety", "mycoplasma", "negative"),
    ("test_safety", "rcl", "negative"),
    ("test_sterility_interim", "gram", "negative"),
    ("test_sterility_interim", "culture", "negative"),
    ("test_sterility_final", "culture", "negative"),
    ("test_identity", "car_cd3", "present"),
]
ONE_BY_ONE = 3
"""So many patients of a dose level are treated one by one, as the study that ships says."""
NEVER_EXCEPTED = {"test_safety", "test_sterility_interim", "test_sterility_final", "test_identity"}
HOLDS = {"lowest": ("<", "2"), "highest": (">", "8"), "warmest": (">", "-130")}
"""Readings of a transport beyond which the material is quarantined by itself, in degrees Celsius (steps 8 and 18)."""


def _name(fact: Fact) -> str:
    return str(fact["fact"]).rpartition(".v")[0]


def _compare(value: str, sign: str, bound: str) -> bool:
    one, other = Decimal(value), Decimal(bound)
    return {">=": one >= other, "<=": one <= other, "<": one < other, ">": one > other}[sign]


def failing(patient: Patient) -> list[tuple[str, str]]:
    """The criteria that are not met, as (test, what is wrong); a final sterility that has not come is not one of them."""
    wrong = []
    for test, name, sign, bound in NUMBERS:
        results = patient.results(test, name)
        wrong += [(test, f"{name} {value}") for value in results if not _compare(value, sign, bound)]
        wrong += [] if results else [(test, f"{name} pending")]
    for test, name, must_be in WORDS:
        results = patient.results(test, name)
        wrong += [(test, f"{name} {value}") for value in results if value != must_be]
        wrong += [] if results or test == "test_sterility_final" else [(test, f"{name} pending")]
    return wrong


# ------------------------------------------------------------------ before a fact


def consent_first(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Step 1: consent comes before any other study step."""
    if _name(fact) in STEPS - {"consent.given"} and not patient.consented:
        yield f"{_name(fact)} before the consent"


def identity_before_collection(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Step 3: chain-of-identity id and wristband are bound before any collection."""
    if _name(fact) == "cells.collected" and not (patient.coi and patient.wristband and patient.subject):
        yield "cells were collected before the identity was bound"


def one_owner(watch: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """A code belongs to one patient for ever."""
    new = [made["code"] for made in fact.get("created", [])]
    new += [fact[name] for name in ("coi", "subject", "wristband") if _name(fact) == "patient.enrolled"]
    for code in new:
        owners = [other.name for other in watch.patients.values() if code in other.codes()]
        if owners:
            yield f"{code} is {owners[0]}'s already"


def two_people(_w: Any, patient: Patient, fact: Fact, signer: dict[str, str]) -> Iterator[str]:
    """P and W are never the same person; nor are the two of a clearance, a decision on a mismatch, a failure, a disposal."""
    second = {
        "act.witnessed": "act", "label_fates.witnessed": "act", "disposal.witnessed": "act",
        "manufacture_failure.decided": "first", "mismatch.decided": "first", "happened.confirmed": "act",
    }.get(_name(fact))  # fmt: skip
    first = fact.get(second) if second else None
    if first and patient.signed.get(first) == signer["person"]:
        yield f"{signer['person']} signed {_name(fact)} after signing the first"
    act = patient.waiting.get(fact["act"]) if _name(fact) == "act.witnessed" else None
    if act is not None and act.fact.get("taken_over", {}).get("person") == signer["person"]:
        yield f"{signer['person']} signed second what the same person had begun"
    hands = [one["person"] for one in fact.get("done_by", [])] if "paper" in fact else []
    if len(hands) != len(set(hands)):
        yield f"{hands[0]} performed and stood second on paper"


def closed_by_another(_w: Any, patient: Patient, fact: Fact, signer: dict[str, str]) -> Iterator[str]:
    """Row 12: a deviation is closed by another person than its opener."""
    if _name(fact) == "deviation.closed" and patient.opener.get(fact["deviation"]) == signer["person"]:
        yield f"{signer['person']} closed {fact['deviation']}, which the same person opened"


def released_by_rule(_w: Any, patient: Patient, fact: Fact, signer: dict[str, str]) -> Iterator[str]:
    """Step 17: every criterion met or permitted to be pending; no open critical deviation, no major one unassessed."""
    if _name(fact) != "disposition.decided" or fact["decision"] != "released":
        return
    wrong = failing(patient)
    if fact.get("exception"):
        wrong = [(test, what) for test, what in wrong if test in NEVER_EXCEPTED or what.endswith("pending")]
    yield from (f"released with {what} of {test}" for test, what in wrong)
    yield from (f"released with {d['deviation']} critical and open" for d in patient.open_deviations("critical"))
    for deviation in patient.open_deviations("major"):
        if not deviation.get("impact"):
            yield f"released with {deviation['deviation']} major and not assessed"
    if any(act.name in MADE and act.people[0] == signer["person"] for act in patient.acts.values()):
        yield f"{signer['person']} performed or tested on this batch"


def held_until_received(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Step 19: lymphodepletion begins only when a product is released AND received."""
    if _name(fact) != "conditioning.given":
        return
    received = {
        scan["code"]
        for act in patient.of("material.received")
        if act.fact["key"]["step"] == "product_receipt"
        for scan in act.fact.get("scans", [])
    }
    good = [
        c for c, i in patient.items.items() if i.kind == "drug_product" and i.released and not i.held and not i.ended
    ]
    if not received & set(good):
        yield f"conditioning with {good or 'nothing'} released and {sorted(received) or 'nothing'} received"


def cohort_waits(watch: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """The study: the next patient's lymphodepletion stays shut until the safety decision on those before is signed."""
    if _name(fact) != "conditioning.given" or patient.of("conditioning.given"):
        return
    level = patient.choices.get("dose_level")
    others = [other for other in watch.patients.values() if other.choices.get("dose_level") == level]
    before = [other for other in others if other is not patient and other.of("conditioning.given")]
    if len(before) < ONE_BY_ONE:
        for other in before:
            if not other.dlt_decided:
                yield f"conditioning in {level} before the safety decision on {other.name}"


def infused_by_rule(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Steps 20 to 23: the patient's own bag, released, checked before thaw, thawed, checked at the bedside after it."""
    for code in fact["infused"] if _name(fact) == "product.infused" else ():
        item = patient.items.get(code)
        if item is None or item.ended or item.held or item.rejected or not item.released:
            yield f"{code} was infused and was not a released bag of this patient"
            continue
        done = {a.fact["key"]["step"]: a for a in patient.acts.values() if a.fact["key"].get("material") == code}
        for earlier, later in (("pre_thaw_check", "thaw"), ("thaw", "bedside_check")):
            if earlier not in done or later not in done or done[later].started < done[earlier].ended:
                yield f"{code} was infused without {earlier} and then {later}"


def nothing_after_the_end(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Row 8: nobody is treated after death, or after withdrawing from treatment."""
    if _name(fact) in TREATING:
        for end in (patient.died, patient.left_treatment):
            if end is not None and when(fact["started"]) > end:
                yield f"{_name(fact)} at {fact['started']}, after {end}"


def no_foreign_scan(watch: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """No override: an act is not recorded with a scan of something that is another patient's."""
    for scan in fact.get("scans", []) if _name(fact) in STEPS | {"act.witnessed"} else ():
        for other in watch.patients.values():
            if other is not patient and scan["code"] in other.codes():
                yield f"{_name(fact)} accepted {scan['code']} of {other.name}"


def held_items_stand_still(_w: Any, patient: Patient, fact: Fact, _s: dict[str, str]) -> Iterator[str]:
    """Row 4: after a wrong item was presented both patients' items are held until it is cleared."""
    if _name(fact) in HELD and patient.holds:
        yield f"{_name(fact)} while a wrong item is not cleared"


# ------------------------------------------------------------------ after a record


def released_stays_true(_w: Any, patient: Patient, _facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """A correction or a late result that flips the gate quarantines what was released (Annex 11; row 9)."""
    good = [
        c for c, i in patient.items.items() if i.kind == "drug_product" and i.released and not i.held and not i.ended
    ]
    in_batch = [code for code in good if patient.items[code].made_by in patient.acts]
    if in_batch and not patient.excepted:
        for test, what in failing(patient):
            yield f"{', '.join(in_batch)} released and free, with {what} of {test}"


def collection_in_time(_w: Any, patient: Patient, facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """Step 9: from the end of collection to the start of processing 24 h, else a deviation; 48 h, else quarantine."""
    processing = [a for a in patient.of("process.performed") if a.fact["key"]["step"] in _FIRST]
    collected = [a.ended for a in patient.of("cells.collected")]
    if not processing or not collected or not any(_name(f) in ("process.performed", "act.witnessed") for f in facts):
        return
    first = min(processing, key=lambda act: act.started)
    gap = first.started - max((end for end in collected if end <= first.started), default=first.started)
    if gap > timedelta(hours=24) and not any(
        "24" in d["says"] or "24" in d["rule"] for d in patient.deviations.values()
    ):
        yield f"{gap} from collection to processing, and no deviation says so"


_FIRST = ("freeze_collection", "local_freeze", "wash_collection")


def excursion_quarantines(_w: Any, patient: Patient, facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """Row 2: a transport outside its limits quarantines by itself, in the same record."""
    for fact in facts:
        if fact.get("therapy") == patient.name and _name(fact) == "transport.reported":
            for reading in fact.get("readings", []):
                sign, bound = HOLDS.get(reading["name"], ("", ""))
                free = [c for c in fact.get("moves", []) if not patient.items[c].held]
                if sign and _compare(reading["value"], sign, bound) and free:
                    yield f"{reading['name']} {reading['value']} C, and {', '.join(free)} not quarantined"


def late_infusion_deviates(_w: Any, patient: Patient, facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """Steps 19 and 23: more than 30 min after the thaw, or not 2 to 14 d after lymphodepletion: a deviation."""
    for fact in facts:
        if fact.get("therapy") != patient.name or _name(fact) != "product.infused":
            continue
        began, code = when(fact["started"]), fact["key"].get("material", "")
        about = [d for d in patient.deviations.values() if d.get("key", {}).get("step") == "infusion"]
        thaws = [a.ended for a in patient.of("product.thawed") if a.fact["key"].get("material") == code]
        if thaws and began - max(thaws) > timedelta(minutes=30) and not about:
            yield f"{code} infused {began - max(thaws)} after its thaw, and no deviation"
        given = [a.ended for a in patient.of("conditioning.given") if a.ended <= began]
        if given and not timedelta(days=2) <= began - max(given) <= timedelta(days=14) and not about:
            yield f"{code} infused {began - max(given)} after lymphodepletion, and no deviation"


def both_are_held(watch: Any, _all: Patient, facts: list[Fact], signer: dict[str, str]) -> Iterator[str]:
    """Rows 4 and 5: what was presented for one patient and is another's stops both, in one record."""
    for fact in facts:
        if _name(fact) == "identity.mismatched":
            owners = [
                p for p in watch.patients.values() if fact["presented"] in p.codes() and p.name != fact["therapy"]
            ]
            for owner in owners:
                if signer["link"] not in owner.holds:
                    yield f"{fact['presented']} of {owner.name} was presented, and {owner.name} is not held"


def told_is_heard(_w: Any, _all: Patient, facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """Row 14: what happened against the rules opens a critical deviation for every patient whom it concerns, in one record."""
    for fact in facts:
        if _name(fact) == "act.happened":
            concerned = {fact["therapy"], *(item["therapy"] for item in fact.get("foreign", []))}
            heard = {f["therapy"] for f in facts if _name(f) == "deviation.opened" and f["grade"] == "critical"}
            if concerned - heard:
                yield f"{fact['event']} of {fact['therapy']} is not heard of by {', '.join(sorted(concerned - heard))}"


def recall_reaches(watch: Any, _all: Patient, facts: list[Fact], _s: dict[str, str]) -> Iterator[str]:
    """Readiness: a lot recall reaches every patient whom the lot touched, and quarantines, in one record."""
    for fact in facts:
        if _name(fact) == "lot.recalled":
            reached = {f["therapy"] for f in facts if _name(f) == "recall.reached"}
            for other in watch.patients.values():
                using = _using(other, fact["lot"])
                if using and other.name not in reached:
                    yield f"{fact['lot']} was used for {other.name}, whom the recall did not reach"
                free = [c for c in _from(other, using) if not other.items[c].held and not other.items[c].rejected]
                if free:
                    yield f"{', '.join(free)} of {other.name} made with {fact['lot']} is not quarantined"


def _using(patient: Patient, lot: str) -> list[Done]:
    acts = [*patient.acts.values(), *patient.earlier.values(), *patient.waiting.values()]
    return [a for a in acts if any(u["what"] == "lot" and u["code"] == lot for u in a.fact.get("used", []))]


def _from(patient: Patient, acts: list[Done]) -> list[str]:
    """Live drug product made in these acts, or from what was made in them."""
    made = {new["code"] for act in acts for new in act.fact.get("created", [])}
    grown = True
    while grown:
        more = {code for code, item in patient.items.items() if made & set(item.parents)} - made
        made, grown = made | more, bool(more)
    items = patient.items
    return sorted(c for c in made if c in items and items[c].kind == "drug_product" and not items[c].ended)


def _named(*rules: Rule) -> dict[str, Rule]:
    return {rule.__name__.replace("_", " "): rule for rule in rules}


BEFORE = _named(
    consent_first, identity_before_collection, one_owner, two_people, closed_by_another, released_by_rule,
    held_until_received, cohort_waits, infused_by_rule, nothing_after_the_end, no_foreign_scan, held_items_stand_still,
)  # fmt: skip
AFTER = _named(released_stays_true, collection_in_time, excursion_quarantines, late_infusion_deviates)
WHOLE = _named(both_are_held, told_is_heard, recall_reaches)

"""Materials as facts change them: they come into being, move, end, and are held; custody follows each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from protocol.custody import elsewhere
from protocol.state import FOUND_AGAIN, NOT_BROUGHT, Act, Cause, CustodyEntry, Material, Signed, Therapy


def create(therapy: Therapy, act: Act) -> Therapy:
    materials, custody = dict(therapy.materials), list(therapy.custody)
    for new in act.fact.created:
        # Where a step names no place, what it makes is where its parent is.
        parent = materials.get(new.parent or "")
        place = act.fact.place or (parent.place if parent else "")
        made = Material(new.code, new.kind, new.parent, act.at, place, act.performer, also=new.also)
        materials[new.code] = held(made, therapy.quarantined_early.get(new.code, ()))
        how = f"came into being in {act.at}{_late(act)}"
        custody.append(CustodyEntry(new.code, act.fact.ended, place, act.performer, how, "", act.by.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def show_place(therapy: Therapy, act: Act) -> Therapy:
    """What was done at a place to which nobody had brought the material: the trail says so, and goes on from there."""
    materials, custody = dict(therapy.materials), list(therapy.custody)
    codes = dict.fromkeys([*(scan.code for scan in act.fact.scans), *act.fact.consumed, *act.fact.moves])
    for code in codes:
        if code in materials and elsewhere(therapy, code, act.fact.place, act.fact.started):
            since, place, holder = (
                _no_sooner(therapy, code, act.fact.started),
                act.fact.place or "",
                materials[code].holder,
            )
            how = f"{NOT_BROUGHT} {place}, where {act.at} was done{_late(act)}"
            custody.append(CustodyEntry(code, since, place, act.performer, how, holder, act.by.link))
            materials[code] = replace(materials[code], place=place, holder=act.performer)
    return replace(therapy, materials=materials, custody=tuple(custody))


def end(
    therapy: Therapy, codes: tuple[str, ...], how: str, by: Signed, *, at: datetime | None = None, told: str = ""
) -> Therapy:
    """These materials end; `at`: when, where that is another time than the signer's; `told`: a remark in the trail."""
    materials, custody = dict(therapy.materials), list(therapy.custody)
    for code in codes:
        material = materials[code]
        materials[code] = replace(material, ended=how)
        when = by.happened if at is None else _no_sooner(therapy, code, at)
        custody.append(CustodyEntry(code, when, material.place, "", f"{how}{told}", material.holder, by.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def use_up(therapy: Therapy, act: Act, how: str, last: Signed) -> Therapy:
    """What an act consumed ends: with its last signature, or when it happened where others did it than sign."""
    at = act.fact.ended if act.fact.done_by else None
    return end(therapy, act.fact.consumed, how, last, at=at, told=_late(act))


def move(therapy: Therapy, act: Act, taken: Signed) -> Therapy:
    """Custody passes with the taker's signature, or when it happened where others did it than sign."""
    materials, custody = dict(therapy.materials), list(therapy.custody)
    place = act.fact.to_place or ""
    for code in act.fact.moves:
        materials[code] = replace(materials[code], place=place, holder=act.taker)
        how = f"handed over in {act.at}{_late(act)}"
        since = _no_sooner(therapy, code, act.fact.ended) if act.fact.done_by else taken.happened
        custody.append(CustodyEntry(code, since, place, act.taker, how, act.performer, taken.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def _late(act: Act) -> str:
    return f" ({act.late})" if act.late else ""


def _no_sooner(therapy: Therapy, code: str, at: datetime) -> datetime:
    """A trail does not run backwards: what is told of an earlier time counts from the last change of hands on."""
    return max([entry.since for entry in therapy.custody if entry.material == code] + [at])


def keep(therapy: Therapy, codes: tuple[str, ...], place: str, permit: str, by: Signed) -> Therapy:
    """The signer keeps these materials at a place, as the consent permits."""
    materials, custody = dict(therapy.materials), list(therapy.custody)
    for code in codes:
        material = materials[code]
        materials[code] = replace(material, place=place, holder=by.account, kept=permit)
        how = f"kept, as consent to {permit} permits"
        custody.append(CustodyEntry(code, by.happened, place, by.account, how, material.holder, by.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def come_back(therapy: Therapy, codes: tuple[str, ...], place: str, rule: str, reason: str, by: Signed) -> Therapy:
    """Materials that had been lost are there again: the signer holds them, in quarantine."""
    materials, custody = dict(therapy.materials), list(therapy.custody)
    for code in codes:
        materials[code] = replace(materials[code], ended=None, place=place, holder=by.account)
        custody.append(CustodyEntry(code, by.happened, place, by.account, FOUND_AGAIN, "", by.link))
    return quarantine(replace(therapy, materials=materials, custody=tuple(custody)), codes, rule, reason, by)


def set_status(therapy: Therapy, codes: tuple[str, ...], status: str, why: str) -> Therapy:
    """Nothing holds these materials in quarantine any more: they stand as somebody decided."""
    changed = {code: replace(therapy.materials[code], status=status, why=why, causes=()) for code in codes}
    return replace(therapy, materials={**therapy.materials, **changed})


def quarantine(therapy: Therapy, codes: tuple[str, ...], rule: str, reason: str, by: Signed) -> Therapy:
    """One more cause holds these materials, also those that an act makes which waits for its second signature."""
    cause = Cause(f"Q-{therapy.quarantines + 1}", rule, reason, by.recorded, by.link)
    known = {code: therapy.materials[code] for code in codes if code in therapy.materials}
    early = {c: (*therapy.quarantined_early.get(c, ()), cause) for c in codes if c not in known}
    return replace(
        therapy,
        quarantines=therapy.quarantines + 1,
        quarantined_early={**therapy.quarantined_early, **early},
        materials={**therapy.materials, **{code: held(m, (*m.causes, cause)) for code, m in known.items()}},
    )


def lift(therapy: Therapy, codes: tuple[str, ...], name: str | None, why: str) -> Therapy:
    """One cause holds these materials no longer. The last one gives back what QA had decided before, and nothing more."""
    for code in codes:
        left = tuple(cause for cause in therapy.materials[code].causes if cause.code != name)
        decided = therapy.dispositions.get(code)
        back = "released" if decided is not None and decided.decision == "released" else "available"
        if left:
            less = held(therapy.materials[code], left)
            therapy = replace(therapy, materials={**therapy.materials, code: less})
        else:
            therapy = set_status(therapy, (code,), back, why)
    return therapy


def held(material: Material, causes: tuple[Cause, ...]) -> Material:
    """The material as these causes hold it: one does not push the other out of sight. Rejected, it is nobody's to lift again."""
    if not causes or material.status == "rejected":
        return replace(material, causes=())
    return replace(material, status="quarantined", why="; ".join(dict.fromkeys(c.says for c in causes)), causes=causes)

"""Checks of a protocol file: what goes on after a withdrawal or a death, what is kept, and who is alerted."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.model import Endings
from protocol.problems import Path, Problem, Study, twice, unknown


def check_endings(study: Study) -> Iterator[Problem]:
    """Every step, permit, kind, place and role that is named exists, and makes sense there."""
    protocol = study.protocol
    if protocol.endings is not None:
        yield from _goes_on(study, protocol.endings)
        yield from _keeps(study, protocol.endings)
        yield from _roles(study, ("endings", "kept_by"), protocol.endings.kept_by)
        yield from _roles(study, ("endings", "disposal_witnessed_by"), protocol.endings.disposal_witnessed_by)
    if protocol.escalation is not None:
        for name in ("product_lost", "material_lost", "not_by_the_rules"):
            yield from _roles(study, ("escalation", name), getattr(protocol.escalation, name))
        yield from _offered(study, ("escalation", "rescue"), protocol.escalation.rescue)
        yield from _offered(study, ("escalation", "exposed"), protocol.escalation.exposed)


def _roles(study: Study, path: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    for at, name in enumerate(names):
        if name not in study.protocol.roles:
            yield Problem((*path, at), unknown(name, "role", study.protocol.roles, "roles"))


def _offered(study: Study, path: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    for at, name in enumerate(names):
        if name not in study.protocol.by_id:
            yield Problem((*path, at), unknown(name, "step", study.ids, "steps"))
        elif not study.protocol.by_id[name].reserve:
            yield Problem((*path, at), f"{name} is offered but not kept back; give it `reserve: true`")
        elif study.protocol.by_id[name].kind != "observation":
            reason = f"{name} is a {study.protocol.by_id[name].kind}; what is done for the patient is an observation"
            yield Problem((*path, at), reason)


def _permits(study: Study) -> tuple[str, ...]:
    return tuple(permit for _, step in study.of_kind("consent") for permit in step.permits)


def _goes_on(study: Study, endings: Endings) -> Iterator[Problem]:
    by_id, permits = study.protocol.by_id, _permits(study)
    for at, name in twice(rule.step for rule in endings.goes_on):
        yield Problem(
            ("endings", "goes_on", at, "step"), f"{name} is named twice; name what it goes on after in one list"
        )
    for at, rule in enumerate(endings.goes_on):
        path: Path = ("endings", "goes_on", at)
        if rule.step not in by_id:
            yield Problem((*path, "step"), unknown(rule.step, "step", study.ids, "steps"))
        elif by_id[rule.step].kind != "observation":
            reason = f"{rule.step} is a {by_id[rule.step].kind}; only an observation goes on, and results always do"
            yield Problem((*path, "step"), reason)
        elif by_id[rule.step].visits and "death" in rule.after:
            yield Problem((*path, "after"), f"{rule.step} has visits; nobody is visited after a death")
        if rule.permit is not None and rule.permit not in permits:
            yield Problem((*path, "permit"), unknown(rule.permit, "permission", permits, "the consent's `permits`"))


def _keeps(study: Study, endings: Endings) -> Iterator[Problem]:
    permits = _permits(study)
    for kind, permit in endings.keeps.items():
        if kind not in study.protocol.materials:
            yield Problem(("endings", "keeps", kind), unknown(kind, "material", study.protocol.materials, "materials"))
        if permit not in permits:
            yield Problem(("endings", "keeps", kind), unknown(permit, "permission", permits, "the consent's `permits`"))
    for at, place in enumerate(endings.kept_at):
        if place not in study.protocol.places:
            yield Problem(("endings", "kept_at", at), unknown(place, "place", study.protocol.places, "places"))

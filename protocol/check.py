"""What a protocol file says as a whole: cross-checks after parsing, and whether a site's people can staff it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocol.check_amendments import check_amendments
from protocol.check_dose import check_dose
from protocol.check_downtime import check_downtime
from protocol.check_endings import check_endings
from protocol.check_environment import check_environment
from protocol.check_infection import check_infection
from protocol.check_kinds import check_kinds
from protocol.check_labels import check_labels
from protocol.check_logger import check_logger
from protocol.check_manufacture import check_manufacture
from protocol.check_order import check_names, check_order
from protocol.check_quality import check_quality
from protocol.check_release import check_release
from protocol.check_road import check_road
from protocol.check_safety import check_safety
from protocol.check_steps import check_parts
from protocol.model import Step, StudyProtocol
from protocol.problems import Problem, Study
from protocol.uses import Use, roles_used


def check_protocol(protocol: StudyProtocol) -> list[Problem]:
    """Everything that is wrong in a file whose fields are all right, in the file's order of sections."""
    study = Study(protocol)
    found = [
        *check_order(study),
        *check_names(study),
        *check_kinds(study),
        *check_parts(study),
        *check_road(study),
        *check_logger(study),
        *check_environment(study),
        *check_infection(study),
        *check_release(study),
        *check_dose(study),
        *check_manufacture(study),
        *check_labels(study),
        *check_quality(study),
        *check_endings(study),
        *check_safety(study),
        *check_amendments(study),
        *check_downtime(study),
    ]
    return list(dict.fromkeys(found))


def staffing_gaps(protocol: StudyProtocol, people: Mapping[str, tuple[str, frozenset[str]]]) -> list[str]:
    """What the site's people cannot staff, one sentence each; empty if every step can be signed as the protocol asks.

    Args:
        people: account to the person's id and the account's roles. One person with two accounts is one person.
    """
    holders: dict[str, set[str]] = {}
    for person, roles in people.values():
        for role in roles:
            holders.setdefault(role, set()).add(person)
    nobody: dict[tuple[str, ...], list[str]] = {}
    alone: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for step in protocol.steps:
        asked = [step.performed_by, *([step.second[0]] if step.second else [])]
        lacking = [wanted for wanted in asked if not _any_of(wanted, holders)]
        for wanted in dict.fromkeys(lacking):
            nobody.setdefault(wanted, []).append(step.id)
        if step.second and not lacking and not _two(step, holders, frozenset()):
            alone.setdefault((step.performed_by, step.second[0]), []).append(step.id)
    for incident in protocol.incidents:
        for wanted in (incident.reported_by, incident.decided_by):
            if wanted and not _any_of(wanted, holders):
                nobody.setdefault(wanted, []).append(f"incident {incident.id}")
    for name, label in protocol.labels.items():
        lacking = [wanted for wanted in (label.printed_by, label.witnessed_by) if not _any_of(wanted, holders)]
        for wanted in dict.fromkeys(lacking):
            nobody.setdefault(wanted, []).append(f"label {name}")
        first, second = _any_of(label.printed_by, holders), _any_of(label.witnessed_by, holders)
        if not lacking and not any(second - {person} for person in first):
            alone.setdefault((label.printed_by, label.witnessed_by), []).append(f"label {name}")
    for use in roles_used(protocol):
        if not _any_of(use.names, holders) and (where := _elsewhere(protocol, use)):
            nobody.setdefault(use.names, []).append(where)
    gaps = [f"Nobody is {_or(wanted)}; that is asked for by {_and(steps)}." for wanted, steps in nobody.items()]
    gaps += [
        f"Only one person can sign as {_or(first)} and as {_or(second)}; two people must sign {_and(steps)}."
        for (first, second), steps in alone.items()
    ]
    return gaps + _dependent(protocol, holders)


def _elsewhere(protocol: StudyProtocol, use: Use) -> str:
    """What else asks for a role than signing a step, an incident or a label: ``an alert of transport``, ``safety.dlt.decided_by``."""
    step = protocol.steps[use.path[1]].id if use.path[0] == "steps" and isinstance(use.path[1], int) else ""
    words = ".".join(part for part in use.path if isinstance(part, str))
    signs = step and words.count(".") == 1
    if signs or use.path[0] == "labels" or words in ("incidents.reported_by", "incidents.decided_by"):
        return ""
    return f"an alert of {step}" if step and not words.endswith("_by") else f"{step} ({words})" if step else words


def _dependent(protocol: StudyProtocol, holders: Mapping[str, set[str]]) -> list[str]:
    """Steps that ask for an independent performer where everybody who could do it is needed elsewhere."""
    gaps = []
    for step in protocol.steps:
        able = _any_of(step.performed_by, holders)
        others = [s for s in protocol.steps if s.id != step.id and ("all" in step.not_by or s.id in step.not_by)]
        # A step that nobody can do at all is told above; here only what the would-be releaser must keep away from.
        others = [s for s in others if _two(s, holders, frozenset())]
        if not able or not others:
            continue
        needed = {p: [s.id for s in others if not _two(s, holders, frozenset({p}))] for p in able}
        if all(needed.values()):
            worst = min(needed.values(), key=len)
            gaps.append(
                f"Nobody who is {_or(step.performed_by)} is independent for {step.id}: "
                f"without them nobody could perform {_and(worst)}."
            )
    return gaps


def _any_of(roles: Iterable[str], holders: Mapping[str, set[str]]) -> set[str]:
    return {person for role in roles for person in holders.get(role, ())}


def _two(step: Step, holders: Mapping[str, set[str]], barred: frozenset[str]) -> bool:
    """Whether a performer (nobody barred) and, where asked for, another person as second can be found."""
    performers = _any_of(step.performed_by, holders) - barred
    if step.second is None:
        return bool(performers)
    seconds = _any_of(step.second[0], holders)
    return any(seconds - {performer} for performer in performers)


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)


def _and(names: list[str]) -> str:
    return ", ".join(names)

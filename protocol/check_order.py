"""Checks of a protocol file: the order of steps, and every name that one part of the file takes from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol.model import Step
from protocol.problems import Path, Problem, Study, twice, unknown

RESERVED = frozenset({"patient", "chain_of_identity", "new", "all", "first", "deviation", "action", "alert"})
"""Words that the file's own grammar uses; nothing may be called so."""


def check_order(study: Study) -> Iterator[Problem]:
    """Consent first, one enrolment, no circle, no step that nothing leads to."""
    yield from _opening(study)
    for number, step in enumerate(study.protocol.steps):
        yield from _predecessors(study, number, step)
    for circle in circles(study):
        number = study.ids.index(circle[0])
        told = " -> ".join(circle)
        reason = f"these steps wait for each other in a circle: {told}; take one of them out of another's `after`"
        yield Problem(("steps", number, "after"), reason)
    yield from _reserves(study)


def check_names(study: Study) -> Iterator[Problem]:
    """Every name is there once, and everything that is named exists."""
    protocol = study.protocol
    for number, name in twice(study.ids):
        yield Problem(("steps", number, "id"), f"there are two steps {name}; each needs an id of its own")
    for part in ("roles", "places", "materials", "choices"):
        for name in getattr(protocol, part):
            if name in RESERVED:
                yield Problem((part, name), f"{name} is a word of the file's own language; choose another name")
    for kind in protocol.materials:
        if not study.makers[kind]:
            yield Problem(("materials", kind), f"no step makes it; a step needs a scan `new {kind}`")
    for number, step in enumerate(protocol.steps):
        base: Path = ("steps", number)
        if step.id in RESERVED or "." in step.id:
            yield Problem((*base, "id"), f"{step.id} cannot be a step's id: no dots, and none of {_listed(RESERVED)}")
        yield from _people(study, base, step)
        yield from _places_and_materials(study, base, step)
        yield from check_when(study, base, step.when)
        for at, name in enumerate(step.not_by):
            if name != "all" and name not in protocol.by_id:
                yield Problem((*base, "not_by", at), unknown(name, "step", study.ids, "steps"))
            if name == step.id:
                yield Problem((*base, "not_by", at), "a step cannot exclude its own performer")


def check_when(study: Study, base: Path, when: dict[str, tuple[str, ...]]) -> Iterator[Problem]:
    """A `when` names choices and options that exist."""
    choices = study.protocol.choices
    for choice, options in when.items():
        if choice not in choices:
            yield Problem((*base, "when", choice), _no_choice(study, base, choice, options))
            continue
        for at, option in enumerate(options):
            if option not in choices[choice].options:
                reason = unknown(option, f"option of {choice}", choices[choice].options, f"choices.{choice}")
                yield Problem((*base, "when", choice, at), reason)


def _no_choice(study: Study, base: Path, name: str, options: tuple[str, ...]) -> str:
    """Why a `when` names no choice, and what is written instead: a value that a step records offers a step, it is no choice."""
    choices = study.protocol.choices
    step, dot, record = name.partition(".")
    known = study.protocol.by_id.get(step)
    reason = unknown(name, "choice", choices, "choices")
    by_step = [s.id for s in study.protocol.steps if name in s.record_by_name]
    if known is None and not by_step:
        return f"{reason}. `when` asks for what was chosen at enrolment: CHOICE: OPTION"
    place = f"{step}.{record}" if dot else f"{by_step[0] if by_step else name}.{name if by_step else 'RECORD'}"
    value = f" ({' or '.join(options)})" if options else ""
    own = study.protocol.steps[base[1]].id if base[0] == "steps" and isinstance(base[1], int) else "STEP"
    another = "a step of its own" if "visits" in base else own
    offers = "that step" if "visits" in base else own
    return (
        f"{reason}. `when` asks for what was chosen at enrolment. What a step records{value} opens another step so: "
        f"{another} has `reserve: true`, and {place} a limit with `otherwise: offer {offers}`"
    )


def circles(study: Study) -> list[list[str]]:
    """Steps that wait for each other, each before the next, the first again at the end; one circle for each such set of steps."""
    found: list[list[str]] = []
    for name in study.ids:
        if name in study.before[name] and not any(name in circle for circle in found):
            circle = study.way(name, name)
            # A step that names itself is told where it does.
            found += [circle] if len(circle) > 2 else []
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _opening(study: Study) -> Iterator[Problem]:
    consents, enrolments = study.of_kind("consent"), study.of_kind("enrolment")
    if not consents:
        yield Problem(("steps",), "there is no consent step; a therapy opens with one")
    for number, step in consents[1:]:
        yield Problem(("steps", number, "kind"), f"{step.id} is a second consent step; a therapy opens with one")
    for number, step in consents[:1]:
        if number:
            yield Problem(("steps", number), f"the consent step {step.id} must be the first step of the file")
        if step.after:
            yield Problem(("steps", number, "after"), "the consent comes after nothing")
    if not enrolments:
        yield Problem(("steps",), "there is no enrolment step; it binds subject, chain of identity and wristband")
    for number, step in enrolments[1:]:
        yield Problem(("steps", number, "kind"), f"{step.id} is a second enrolment step; a patient is enrolled once")


def _predecessors(study: Study, number: int, step: Step) -> Iterator[Problem]:
    base: Path = ("steps", number)
    names = [name for name, _ in step.predecessors]
    if not names and step.kind != "consent":
        yield Problem((*base, "after"), "is missing: every step but the consent says after which step it comes")
    for at, name in enumerate(names):
        if name == step.id:
            yield Problem((*base, "after", at), "a step cannot come after itself")
        elif name not in study.protocol.by_id:
            yield Problem((*base, "after", at), unknown(name, "step", study.ids, "steps"))
    for at, name in twice(names):
        yield Problem((*base, "after", at), f"{name} is named twice")


def _reserves(study: Study) -> Iterator[Problem]:
    by_id = study.protocol.by_id
    enrolments = [step.id for _, step in study.of_kind("enrolment")]
    before_enrolment = {name for step in enrolments for name in study.before[step]} | set(enrolments)
    for number, step in enumerate(study.protocol.steps):
        names = [name for name, _ in step.predecessors if name in by_id]
        if names and not step.reserve and all(by_id[name].reserve for name in names):
            reason = f"{' and '.join(names)} may never be offered; name a step that always comes"
            yield Problem(("steps", number, "after"), reason)
        if step.reserve and step.id not in study.offered:
            reason = (
                f"nothing offers it; a limit somewhere needs `otherwise: offer {step.id}`, or an option of an incident"
            )
            yield Problem(("steps", number, "reserve"), reason)
        if step.id in before_enrolment and step.when:
            reason = "choices are made at enrolment, and this step comes before it is done"
            yield Problem(("steps", number, "when"), reason)
        if step.id in before_enrolment and step.reserve:
            yield Problem(("steps", number, "reserve"), "a step before enrolment cannot be kept in reserve")


def _people(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    seconds = [f for f in ("witnessed_by", "reviewed_by", "approved_by", "taken_by") if getattr(step, f) is not None]
    if len(seconds) > 1:
        yield Problem((*base, seconds[1]), f"a step has one second signer; it names {' and '.join(seconds)}")
    for name in ("performed_by", *seconds):
        roles = getattr(step, name)
        if not roles:
            yield Problem((*base, name), "names nobody")
        for at, role in enumerate(roles):
            if role not in study.protocol.roles:
                yield Problem((*base, name, at), unknown(role, "role", study.protocol.roles, "roles"))
        for at, role in twice(roles):
            yield Problem((*base, name, at), f"{role} is named twice")


def _places_and_materials(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    for name in ("at", "to"):
        place = getattr(step, name)
        if place is not None and place not in study.protocol.places:
            yield Problem((*base, name), unknown(place, "place", study.protocol.places, "places"))
    named: list[tuple[Path, str]] = [(("for_each",), step.for_each)] if step.for_each is not None else []
    named += [(("moves", at), kind) for at, kind in enumerate(step.moves)]
    named += [(("consumes", at), kind) for at, kind in enumerate(step.consumes)]
    for where, kind in named:
        yield from material_there(study, (*base, *where), step, kind, here=where[0] != "for_each")


def material_there(study: Study, path: Path, step: Step, kind: str, *, here: bool = False) -> Iterator[Problem]:
    """A material exists as a kind, and some earlier step makes it."""
    if kind not in study.protocol.materials:
        yield Problem(path, unknown(kind, "material", study.protocol.materials, "materials"))
    elif study.makers[kind] and not study.made_before(step, kind, here=here):
        makers = _listed(study.makers[kind])
        yield Problem(path, f"no step before {step.id} makes {kind}; {makers} makes it and does not come before")

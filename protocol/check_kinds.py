"""Checks of a protocol file: what each kind of step asks for, and which fields only some kinds have."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.model import Step
from protocol.problems import Path, Problem, Study, unknown

ONLY = {
    "visits": ("observation",),
    "permits": ("consent",),
    "requires": ("consent",),
    "resources": ("booking",),
    "hold": ("booking",),
    "one_patient_in": ("process",),
    "retest": ("test",),
    "one_at_a_time": ("thaw",),
}
"""Fields that only these kinds have."""
ONCE = frozenset({"consent", "enrolment", "disposition"})
"""Kinds that every patient passes exactly once."""
ON_PRODUCT = frozenset({"identity_check", "thaw", "infusion"})
AT_PATIENT = frozenset({"collection", "conditioning", "identity_check", "infusion"})
AFTER_RELEASE = frozenset({"conditioning", "identity_check", "thaw", "infusion"})
TWO_PEOPLE = frozenset({"identity_check", "infusion"})
ON_MATERIAL = frozenset({"labelling", "hand_over", "transport", "receipt", "process", "test"})


def check_kinds(study: Study) -> Iterator[Problem]:
    """Each step has what its kind needs, and nothing that belongs to another kind."""
    for number, step in enumerate(study.protocol.steps):
        base: Path = ("steps", number)
        yield from _fields(base, step)
        yield from _scans(study, base, step)
        yield from _custody(base, step)
        yield from _consent(base, step)
        yield from _booking(study, base, step)
        yield from _treatment(study, base, step)
        yield from _retest(study, base, step)


def _retest(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    if step.retest is None:
        return
    for name in ("repeat", "for_each", "reserve"):
        if getattr(step, name):
            yield Problem((*base, "retest"), f"a test with `{name}` has no retest; make it a test of its own")
    for at, name in enumerate(step.retest.authorised_by):
        if name not in study.protocol.roles:
            roles = study.protocol.roles
            yield Problem((*base, "retest", "authorised_by", at), unknown(name, "role", roles, "roles"))


def _fields(base: Path, step: Step) -> Iterator[Problem]:
    for name, kinds in ONLY.items():
        if getattr(step, name) and step.kind not in kinds:
            yield Problem((*base, name), f"only a step of kind {' or '.join(kinds)} has it; {step.id} is {step.kind}")
    if step.kind in ONCE:
        # A disposition may be decided bag by bag; who enters the study does so whole.
        fields = ["reserve", "when", "repeat"] + (["for_each"] if step.kind != "disposition" else [])
        for name in fields:
            if getattr(step, name):
                yield Problem((*base, name), f"every patient passes the {step.kind} exactly once")


def _scans(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    made = [spec.new for spec in step.scans.values() if spec.new is not None]
    known = [kind for spec in step.scans.values() for kind in spec.kinds if kind in study.protocol.materials]
    if step.kind == "collection":
        dins = [kind for kind in made if kind in study.protocol.materials]
        if not dins:
            yield Problem((*base, "scans"), "a collection makes a material: it needs a scan `new KIND`")
        for kind in dins[:1]:
            if study.protocol.materials[kind].identifier != "din":
                yield Problem((*base, "scans"), f"what is collected carries a DIN; materials.{kind} says otherwise")
    if step.kind in ON_MATERIAL and not known:
        yield Problem((*base, "scans"), f"a {step.kind} step needs a scan of the material it is done on")
    if step.kind in AT_PATIENT and not any(spec.what == "patient" for spec in step.scans.values()):
        yield Problem((*base, "scans"), f"a step of kind {step.kind} needs a scan `patient`: no wristband, no start")
    if step.for_each is not None and step.for_each in study.protocol.materials:
        fitting = [spec for spec in step.scans.values() if spec.what == step.for_each]
        if not fitting:
            reason = f"is done for each {step.for_each}, so it needs a scan of it: which one is in your hands?"
            yield Problem((*base, "scans"), reason)
        elif any(spec.count != (1, 1) for spec in fitting):
            yield Problem((*base, "scans"), f"is done for each {step.for_each}, so exactly one of it is scanned")


def _custody(base: Path, step: Step) -> Iterator[Problem]:
    moving = step.kind in ("hand_over", "transport")
    if moving and not step.moves:
        yield Problem((*base, "moves"), f"is missing: a {step.kind} moves some material")
    if not (moving or step.moves):
        for name in ("to", "taken_by"):
            if getattr(step, name) is not None:
                yield Problem((*base, name), "says where material goes; name the material in `moves`")
        return
    for name, why in (("to", "to which place does it go?"), ("taken_by", "who takes it over, and signs?")):
        if getattr(step, name) is None:
            yield Problem((*base, name), f"is missing: {why}")
    scanned = {kind for spec in step.scans.values() for kind in spec.kinds}
    for at, kind in enumerate(step.moves):
        if kind not in scanned:
            yield Problem((*base, "moves", at), f"{kind} changes hands without a scan; add one to `scans`")


def _consent(base: Path, step: Step) -> Iterator[Problem]:
    if step.kind != "consent":
        return
    if not step.permits:
        yield Problem((*base, "permits"), "is missing: what may the consent form allow?")
    for at, name in enumerate(step.requires):
        if name not in step.permits:
            yield Problem((*base, "requires", at), f"{name} is required, and the form cannot permit it")


def _booking(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    if step.kind != "booking":
        return
    direct = [study.protocol.by_id[name] for name, _ in step.predecessors if name in study.protocol.by_id]
    if not step.resources and not any(before.kind == "booking" for before in direct):
        yield Problem((*base, "resources"), "is missing: a booking books something, or confirms the booking before it")
    if step.hold is not None and not step.resources:
        yield Problem((*base, "hold"), "holds nothing: there are no resources")
    followed = any(name == step.id for other in study.protocol.steps for name, _ in other.predecessors)
    if step.hold is not None and not followed:
        yield Problem((*base, "hold"), "the hold ends when the next step is done, and no step comes after this one")


def _treatment(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    release = study.protocol.release
    kinds_before = {study.protocol.by_id[name].kind for name in study.before[step.id]}
    if step.kind == "disposition" and not step.not_by:
        yield Problem((*base, "not_by"), "is missing: who releases did not perform; name steps, or all")
    if step.kind in TWO_PEOPLE and step.second is None:
        yield Problem(base, f"a step of kind {step.kind} takes two people; name a second, such as witnessed_by")
    if step.kind in AFTER_RELEASE and "disposition" not in kinds_before:
        yield Problem((*base, "after"), f"a step of kind {step.kind} comes after the disposition, directly or not")
    if step.kind == "infusion" and "identity_check" not in kinds_before:
        yield Problem((*base, "after"), "an infusion comes after an identity check, directly or not")
    if step.kind in ON_PRODUCT and release is not None:
        scanned = {kind for spec in step.scans.values() for kind in spec.kinds}
        if release.product not in scanned and scanned <= {*study.protocol.materials, "patient", "chain_of_identity"}:
            yield Problem(
                (*base, "scans"), f"a step of kind {step.kind} needs a scan of the product, {release.product}"
            )

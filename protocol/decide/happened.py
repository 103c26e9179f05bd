"""Decide what is told of an act that already happened: it is recorded, with every rule that it broke, and it escalates.

Only what is implausible, unitless, in the future or on record already is refused. Refusing a true fact teaches people to
write a false one.
"""

from __future__ import annotations

from typing import Any, Literal

from events.facts import happened as facts
from events.facts.base import DoneBy, TherapyFact
from events.facts.course import StepOffered
from events.facts.mismatch import MismatchReached, MismatchReported
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.facts.steps import ProcessPerformed, StepFact
from events.identifiers import read_code
from protocol.codes import first_use
from protocol.cohorts import extends
from protocol.commands import Decline, HappenedCommand, TakeBack, Witness
from protocol.consequences import follow
from protocol.decide.endings import anybody
from protocol.decision import Decision, code_stream, lot_stream, room_stream, therapy_stream
from protocol.escalation import raise_each
from protocol.gate import Admitted, check_opened, known_step
from protocol.grading import propose
from protocol.happened import RULE, hearers, may_stand
from protocol.mismatch import RULE as MISMATCH
from protocol.mismatch import affected
from protocol.model import Consequence, Step, StudyProtocol
from protocol.monitoring import attached
from protocol.perform import of_result
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Instance, Occurred, Therapy
from protocol.stranded import what_follows
from protocol.surroundings import Surroundings
from protocol.weighing import Other, Weighed, weigh

CRITICAL = (Consequence(what="deviation", grade="critical"),)


def decide_happened(
    therapy: Therapy, protocol: StudyProtocol, command: HappenedCommand, around: Surroundings
) -> Decision:
    """One record: what happened, what it broke, and what follows for every patient whom it concerns.

    Raises:
        Refused: no such step, a time that cannot be, an act that is on record, or nothing stands against it.
    """
    check_opened(therapy)
    check_role(anybody(protocol), around.actor, "tell what happened")
    step = known_step(protocol, command.step)
    weighed = weigh(therapy, protocol, step, command, around)
    act, others = weighed.act, weighed.others
    own = may_stand(protocol, step) and not others and weighed.kind is not None
    told = facts.ActHappened(
        therapy=therapy.id,
        event=f"H-{len(therapy.occurred) + 1}",
        key=act.at.key(),
        occurrence=command.occurrence,
        material=read_code(command.material) if command.material else None,
        started=act.started,
        ended=act.ended,
        done_by=tuple(DoneBy(account=one.account, person=one.person) for one in weighed.doers),
        scans=act.scanned.scans,
        readings=weighed.readings,
        used=act.used,
        room=read_code(command.room) if command.room else None,
        foreign=weighed.foreign,
        broken=tuple(weighed.broken.rules),
        stands=own,
        awaits=() if command.alone else _seconds(protocol, step),
        alone=command.alone,
        says=command.says,
    )
    if not told.broken and not told.foreign:
        raise refuse(
            "happened.by-the-rules",
            f"No rule stands against {act.at} as it is told.",
            f"Sign it as it is: `unbroken perform {therapy.id} {step.id}`.",
            step=step.id,
        )
    record: list[TherapyFact] = [told]
    fact: StepFact | None = None
    if own and weighed.kind is not None:
        fact = _step_fact(weighed.kind, therapy, act, told, weighed.special)
        results, out = attached(protocol, fact, around)
        record += [fact, *results]
        weighed = weighed._replace(found=(*weighed.found, *out))
    record += _escalates(therapy, protocol, told, weighed, record)
    if fact is not None:
        # What was told is a result, and a visit, like any other: a release falls by it, and a grade is proposed.
        record += of_result(therapy, protocol, act.at, fact, record)
        record += propose(therapy, protocol, act.at, act.began, act.done, fact.readings)
    for other in others:
        record += _reached(therapy, told, other, around, record)
    return Decision(
        tuple(record),
        "performed",
        act.ended,
        (*_extends(told, record, others, around), *_of_cohort(therapy, protocol, record)),
        warnings=tuple(f.says for f in record if isinstance(f, DeviationOpened))
        + tuple(
            f"quarantined: {', '.join(f.materials)} of {f.therapy}"
            for f in record
            if isinstance(f, MaterialQuarantined)
        ),
    )


def _seconds(protocol: StudyProtocol, step: Step) -> tuple[str, ...]:
    """Who may sign second what is told: whoever does or sees such a step, and who decides on quality."""
    second = step.second[0] if step.second else ()
    return tuple(dict.fromkeys([*second, *step.performed_by, *protocol.qa_roles]))


def _step_fact(
    kind: type[StepFact], therapy: Therapy, act: Admitted, told: facts.ActHappened, special: dict[str, Any]
) -> StepFact:
    unknown = DoneBy(account="unknown", person="UNKNOWN")
    consumed = special.get("consumed", act.consumed)
    return kind.model_validate(
        {
            "therapy": therapy.id,
            "key": told.key,
            "started": told.started,
            "ended": told.ended,
            "readings": told.readings,
            "scans": told.scans,
            "used": told.used,
            "created": act.scanned.created,
            "place": act.step.at,
            "awaits": told.awaits,
            "second_meaning": "witnessed",
            "moves": act.moves,
            "to_place": act.step.to,
            "done_by": told.done_by or (unknown,),
            **special,
            "consumed": tuple(code for code in consumed if code in therapy.materials and therapy.materials[code].live),
        }
    )


# ------------------------------------------------------------------ what follows


def _escalates(
    therapy: Therapy,
    protocol: StudyProtocol,
    told: facts.ActHappened,
    weighed: Weighed,
    before: list[TherapyFact],
) -> list[TherapyFact]:
    """A critical deviation and an alert a role, what the limits say; and where another patient is in it, everything stops."""
    text, act, others = _text(told), weighed.act, weighed.others
    found: list[TherapyFact] = list(
        follow(therapy, protocol, act.at, [Breach(RULE, CRITICAL, "", "", text)], (), before)
    )
    found += raise_each(therapy, RULE, hearers(protocol), text, at=act.at, before=[*before, *found])
    live = tuple(code for code in act.touched if code in therapy.materials and therapy.materials[code].live)
    found += follow(therapy, protocol, act.at, weighed.found, live, [*before, *found])
    if not others:
        return found
    number, names = f"M-{len(therapy.mismatches) + 1}", ", ".join(other.therapy.id for other in others)
    item = others[0].code
    found.append(
        MismatchReported(
            therapy=therapy.id, mismatch=number, what="place", material=item, found=item, other=names,
            materials=affected(therapy), says=text,
        )
    )  # fmt: skip
    if affected(therapy):
        found.append(
            MaterialQuarantined(therapy=therapy.id, materials=affected(therapy), rule=MISMATCH, reason=text)
        )  # fmt: skip
    given = any(item.effect != "touched" for item in told.foreign)
    watch = protocol.escalation.exposed if protocol.escalation and given else ()
    found += _offers(therapy, watch, told.event)
    return found


def _offers(therapy: Therapy, steps: tuple[str, ...], event: str) -> list[TherapyFact]:
    why = "another patient's material was given"
    return [StepOffered(therapy=therapy.id, step=name, why=why, cause=event) for name in steps]


def _text(told: facts.ActHappened) -> str:
    """What happened, in a sentence: the act, its items, whose they are, how many rules it broke."""
    items = ", ".join(f"{item.code} of {item.therapy}" for item in told.foreign)
    rules = ", ".join(dict.fromkeys(rule.rule for rule in told.broken))
    key = Instance(told.key.step, told.key.occurrence, told.key.material or "", told.key.batch)
    whole = f"{told.event}: {key} happened{f' with {items}' if items else ''} against {rules}: {told.says}"
    return whole[:MOST_TEXT]


MOST_TEXT = 1900


def _reached(
    therapy: Therapy, told: facts.ActHappened, reached: Other, around: Surroundings, before: list[TherapyFact]
) -> list[TherapyFact]:
    """What stands in the other patient's stream, in the same record: her items are gone or stopped, and it is heard of."""
    other, item = reached
    protocol = around.protocols[other.id]
    text = f"for {therapy.id}, {_text(told)}"[:MOST_TEXT]
    found: list[TherapyFact] = []
    theirs = [item for item in told.foreign if item.therapy == other.id]
    # What was only in the wrong hands is stopped with everything else; what is gone is told to be gone.
    gone = [item for item in theirs if item.effect != "touched"] or theirs
    if gone:
        found.append(
            facts.ItemTakenElsewhere(
                therapy=other.id, event=told.event, other=therapy.id, materials=tuple(item.code for item in gone),
                effect=gone[0].effect, at=told.ended, says=told.says,
            )
        )  # fmt: skip
    if not told.awaits and found:
        found.append(
            facts.ItemElsewhereSettled(
                therapy=other.id, event=told.event, other=therapy.id, decision="confirmed"
            )
        )  # fmt: skip
    found += follow(other, protocol, None, [Breach(RULE, CRITICAL, "", "", text)], (), [*before, *found])
    found += raise_each(other, RULE, hearers(protocol), text, before=[*before, *found])
    found.append(
        MismatchReached(
            therapy=other.id, mismatch=f"M-{len(other.mismatches) + 1}", what="place", material=item, found=item,
            other=therapy.id, materials=affected(other), says=text,
        )
    )  # fmt: skip
    if affected(other):
        found.append(MaterialQuarantined(therapy=other.id, materials=affected(other), rule=MISMATCH, reason=text))
    return found + what_follows(other, protocol, found, around, "performed", told.ended)


def _extends(
    told: facts.ActHappened, record: list[TherapyFact], others: tuple[Other, ...], around: Surroundings
) -> tuple[str, ...]:
    created = [new.code for fact in record if isinstance(fact, StepFact) for new in fact.created]
    streams = [code_stream(code) for code in created]
    for room in (fact.suite for fact in record if isinstance(fact, ProcessPerformed) and fact.suite):
        streams += [room_stream(room), *first_use("room", room, around.known_as)]
    streams += [lot_stream(used.code) for used in told.used if used.what == "lot"]
    return tuple(dict.fromkeys([*streams, *(therapy_stream(other.therapy.id) for other in others)]))


def _of_cohort(therapy: Therapy, protocol: StudyProtocol, record: list[TherapyFact]) -> tuple[str, ...]:
    """The stream of the patient's dose cohort, where what was told is one of the acts that it holds."""
    streams = (extends(therapy, protocol, fact, {}) for fact in record if isinstance(fact, StepFact))
    return tuple(dict.fromkeys(stream for one in streams for stream in one))


# ------------------------------------------------------------------ the second signature, where no step of it waits


def confirm(
    therapy: Therapy,
    protocol: StudyProtocol,
    one: Occurred,
    command: Witness | Decline | TakeBack,
    around: Surroundings,
) -> Decision:
    """Another person signs what was told; or it does not stand, and what it stopped waits for QA.

    Raises:
        Refused: the same person, or the wrong role.
    """
    own = one.by.person == around.actor.person
    streams = tuple(therapy_stream(other) for other in dict.fromkeys(item.therapy for item in one.fact.foreign))
    if isinstance(command, TakeBack):
        if not own:
            raise refuse(
                "authority.own-act",
                f"{around.actor.account} did not tell {one.code}; {one.by.account} did.",
                "Only who told it takes it back; a second person declines it.",
                account=around.actor.account,
            )
        gone = facts.HappenedDropped(therapy=therapy.id, event=one.code, act=one.by.link, reason=command.reason)
        return Decision((gone, *_settled(therapy, one, "dropped")), "withdrawn", around.now, streams)
    if own:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not sign {one.code} second: {one.by.person} told it.",
            "One person is one person under any account. Fetch another.",
            person=one.by.person,
        )
    if isinstance(command, Decline):
        check_role((*one.fact.awaits, *protocol.qa_roles), around.actor, f"decline {one.code}")
        gone = facts.HappenedDropped(therapy=therapy.id, event=one.code, act=one.by.link, reason=command.reason)
        return Decision((gone, *_settled(therapy, one, "dropped")), "declined", around.now, streams)
    check_role(one.fact.awaits, around.actor, f"sign {one.code} second")
    seen = facts.HappenedConfirmed(therapy=therapy.id, event=one.code, act=one.by.link)
    return Decision((seen, *_settled(therapy, one, "confirmed")), "witnessed", around.now, streams)


def _settled(
    therapy: Therapy, one: Occurred, decision: Literal["confirmed", "dropped"]
) -> tuple[facts.ItemElsewhereSettled, ...]:
    others = dict.fromkeys(item.therapy for item in one.fact.foreign)
    return tuple(
        facts.ItemElsewhereSettled(therapy=other, event=one.code, other=therapy.id, decision=decision)
        for other in others
    )

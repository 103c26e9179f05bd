"""Decide about results out of specification: a retest, a result that does not count, the signatures of an exception."""

from __future__ import annotations

from typing import assert_never

from events.facts.out_of_specification import (
    ExceptionAccepted,
    ExceptionEvaluated,
    ExceptionRequested,
    ExceptionWithdrawn,
    ResultInvalidated,
    RetestAuthorised,
)
from events.identifiers import read_code
from protocol.commands import (
    AcceptException,
    AuthoriseRetest,
    EvaluateException,
    InvalidateResult,
    OutOfSpecificationCommand,
    RequestException,
    WithdrawException,
)
from protocol.decision import Decision
from protocol.due import of_step
from protocol.exceptions import current, failed, never, next_signature, roles_of, stands_on, void
from protocol.gate import check_running, known_step
from protocol.model import ExceptionalRelease, Retest, Step, StudyProtocol
from protocol.out_of_specification import deviations_of, is_out
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Act, Therapy
from protocol.state.quality import ReleaseException
from protocol.surroundings import Actor, Surroundings


def decide_out_of_specification(
    therapy: Therapy, protocol: StudyProtocol, command: OutOfSpecificationCommand, around: Surroundings
) -> Decision:
    """What follows from a command about a result out of specification, or an exception."""
    check_running(therapy)
    match command:
        case AuthoriseRetest():
            return _retest(therapy, protocol, command, around)
        case InvalidateResult():
            return _invalidate(therapy, protocol, command, around)
        case RequestException():
            return _request(therapy, protocol, command, around)
        case EvaluateException():
            return _evaluate(therapy, protocol, command, around)
        case AcceptException():
            return _accept(therapy, protocol, command, around)
        case WithdrawException():
            return _withdraw(therapy, protocol, command, around)
        case _:
            assert_never(command)


# ------------------------------------------------------------------ retest, and a result that does not count


def _retest(therapy: Therapy, protocol: StudyProtocol, command: AuthoriseRetest, around: Surroundings) -> Decision:
    """Whom the protocol names authorises one retest, with the reason; the failing result is retained.

    Raises:
        Refused: the protocol allows none, or not so many; the last result is in specification; a retest is open
            already; or the result is the person's own.
    """
    step, retest = _retestable(protocol, command.step)
    check_role(retest.authorised_by, around.actor, f"authorise a retest of {step.id}")
    material = read_code(command.material) if command.material else ""
    for due in of_step(therapy, protocol, step):
        if due.at.material == material and due.at not in therapy.acts and due.at in therapy.retests:
            raise refuse(
                "order.pending",
                f"{due.at} was authorised already and has not been done.",
                "Do it first; then decide whether another is needed.",
                step=str(due.at),
            )
    acts = [act for act in therapy.of_step(step.id) if act.at.material == material]
    act = _result(therapy, protocol, acts[-1] if acts else None, step)
    _not_own(act, around.actor, "authorise its retest")
    given = sum(1 for at in therapy.retests if at == therapy.at(step.id, at.occurrence, material))
    if given >= retest.at_most:
        raise refuse(
            "retest.at-most",
            f"{step.id} has been retested {given} times; the protocol allows {retest.at_most}.",
            "Testing again until it passes proves nothing. Reject the product, make it again, or ask for an exception.",
            step=step.id,
            retested=given,
            at_most=retest.at_most,
        )
    key = therapy.at(step.id, str(given + 2), material).key()
    fact = RetestAuthorised(therapy=therapy.id, key=key, of=act.at.key(), reason=command.reason)
    return Decision((fact,), "approved", around.now)


def _retestable(protocol: StudyProtocol, name: str) -> tuple[Step, Retest]:
    step = known_step(protocol, name)
    if step.retest is None:
        allowed = ", ".join(s.id for s in protocol.steps if s.retest) or "none"
        raise refuse(
            "retest.allowed",
            f"The protocol allows no retest of {step.id}, and its results always count.",
            f"Steps with a retest: {allowed}.",
            step=step.id,
        )
    return step, step.retest


def _result(therapy: Therapy, protocol: StudyProtocol, act: Act | None, step: Step) -> Act:
    """The result, which must stand and be out of specification."""
    if act is None:
        raise refuse(
            "retest.result",
            f"{step.id} has no such result; one that nobody has reviewed is none yet.",
            "First comes the result, with both its signatures.",
            step=step.id,
        )
    if not is_out(therapy, protocol, act.at):
        raise refuse(
            "retest.out-of-specification",
            f"{act.at} is in specification.",
            "A result that passes is not tested again, and counts.",
            step=str(act.at),
        )
    return act


def _not_own(act: Act, actor: Actor, what: str) -> None:
    if actor.person in act.people():
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not {what}: {actor.person} signed {act.at}.",
            "One person is one person under any account. Somebody who did not sign the result does.",
            person=actor.person,
            step=str(act.at),
        )


def _invalidate(therapy: Therapy, protocol: StudyProtocol, command: InvalidateResult, around: Surroundings) -> Decision:
    """A result does not count, because the investigation of its deviation concluded a laboratory error.

    Raises:
        Refused: the protocol counts every result; no investigation says so; or the person signed result or investigation.
    """
    step, retest = _retestable(protocol, command.step)
    check_role(retest.authorised_by, around.actor, f"invalidate a result of {step.id}")
    at = therapy.at(step.id, command.occurrence, read_code(command.material) if command.material else "")
    act = _result(therapy, protocol, therapy.acts.get(at), step)
    if retest.counts != "valid":
        raise refuse(
            "result.counts",
            f"The protocol counts every result of {step.id}; none is invalidated.",
            "Reject the product, make it again, or ask for an exception.",
            step=step.id,
            counts=retest.counts,
        )
    if at in therapy.invalidated:
        raise refuse("order.done", f"{at} was invalidated already.", "It does not count.", step=str(at))
    deviation = therapy.deviations.get(command.deviation.upper())
    found = deviation.investigation if deviation and deviation.at == at else None
    if deviation is None or found is None or found.cause != "laboratory_error":
        about = [d.code for d in therapy.deviations.values() if d.at == at]
        raise refuse(
            "result.laboratory-error",
            f"No investigation of {command.deviation} says that {at} was a laboratory error.",
            f"Deviations of this result: {', '.join(about) or 'none'}. Without that conclusion the result counts.",
            deviation=command.deviation,
            step=str(at),
            cause=found.cause if found else "",
        )
    _not_own(act, around.actor, "invalidate it")
    if found.by.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not invalidate {at}: {found.by.person} investigated it.",
            "One person is one person under any account. Another person decides on what was found.",
            person=found.by.person,
            deviation=deviation.code,
        )
    fact = ResultInvalidated(therapy=therapy.id, key=at.key(), deviation=deviation.code, reason=command.reason)
    return Decision((fact,), "approved", around.now)


# ------------------------------------------------------------------ release by exception


def _roles(protocol: StudyProtocol) -> ExceptionalRelease:
    roles = roles_of(protocol)
    if roles is None:
        raise refuse(
            "exception.allowed",
            f"{protocol.protocol.id} knows no release by exception.",
            "A product that fails is rejected.",
            protocol=protocol.protocol.id,
        )
    return roles


def _request(therapy: Therapy, protocol: StudyProtocol, command: RequestException, around: Surroundings) -> Decision:
    """A physician asks for the product, after every failed result was investigated.

    Raises:
        Refused: nothing fails; a criterion is never excepted; a result was not investigated; QA decided; or asked before.
    """
    check_role(_roles(protocol).requested_by, around.actor, "request a release by exception")
    _undecided(therapy, protocol)
    criteria = failed(therapy, protocol)
    if not criteria:
        raise refuse(
            "exception.failed",
            f"No criterion of {therapy.id} fails.",
            "There is nothing to except; a criterion that is pending is waited for.",
            therapy=therapy.id,
        )
    if barred := never(protocol, criteria):
        raise refuse(
            "exception.never",
            f"{', '.join(barred)} failed, which this study never releases by exception.",
            "Reject the product; it can be made again.",
            criteria=barred,
        )
    standing = current(therapy)
    if standing is not None and not void(therapy, protocol, standing):
        waits = next_signature(standing) or "QA's decision"
        raise refuse(
            "order.done",
            f"{standing.code} was requested already and waits for {waits}.",
            "One exception is enough; withdraw it if it is not wanted.",
            exception=standing.code,
        )
    _investigated(therapy, protocol)
    fact = ExceptionRequested(
        therapy=therapy.id,
        exception=f"X-{len(therapy.exceptions) + 1}",
        criteria=criteria,
        stands_on=stands_on(therapy, protocol, criteria),
        reason=command.reason,
    )
    return Decision((fact,), "performed", around.now)


def _undecided(therapy: Therapy, protocol: StudyProtocol) -> None:
    steps = [s for s in protocol.steps if s.kind == "disposition"]
    open_now = [d for s in steps for d in of_step(therapy, protocol, s) if d.standing in ("ready", "waiting")]
    if not open_now:
        raise refuse(
            "order.done",
            f"QA has decided on the product of {therapy.id}, or nothing is left to decide.",
            "An exception comes before the decision.",
            therapy=therapy.id,
        )


def _investigated(therapy: Therapy, protocol: StudyProtocol) -> None:
    """Each failed criterion has a deviation, and each deviation about its results has been investigated."""
    for criterion in failed(therapy, protocol):
        about = deviations_of(therapy, protocol, criterion)
        lacking = [d.code for d in about if d.investigation is None]
        if lacking or not about:
            what = f"{', '.join(lacking)} of it" if about else "it, for which no deviation is open"
            raise refuse(
                "exception.investigated",
                f"{criterion.name} is {criterion.found}, and nobody has investigated {what}.",
                "The investigation comes before the request: `unbroken deviation investigate`.",
                criterion=criterion.name,
                deviations=lacking,
            )


def _standing(therapy: Therapy, protocol: StudyProtocol, name: str) -> ReleaseException:
    """The exception that gathers signatures now."""
    exception = current(therapy)
    if exception is None or exception.code != name.upper():
        raise refuse(
            "exception.open",
            f"{therapy.id} has no exception {name} that waits for a signature.",
            f"Open is: {exception.code if exception else 'none'}.",
            exception=name,
        )
    _undecided(therapy, protocol)
    if reason := void(therapy, protocol, exception):
        raise refuse(
            "exception.void",
            f"{exception.code} does not stand any more: {reason}.",
            "It must be requested again: `unbroken exception request`.",
            exception=exception.code,
        )
    return exception


def _evaluate(therapy: Therapy, protocol: StudyProtocol, command: EvaluateException, around: Surroundings) -> Decision:
    """The maker evaluates the risks for the physician who asked."""
    check_role(_roles(protocol).evaluated_by, around.actor, "evaluate the risks of an exception")
    exception = _standing(therapy, protocol, command.exception)
    if exception.evaluated is not None:
        raise _signed_already(exception, "its risks were evaluated")
    _other_than(exception.requested.person, exception, around.actor, "evaluate the risks of", "requested it")
    fact = ExceptionEvaluated(
        therapy=therapy.id, exception=exception.code, request=exception.requested.link, risks=command.risks
    )
    return Decision((fact,), "reviewed", around.now)


def _accept(therapy: Therapy, protocol: StudyProtocol, command: AcceptException, around: Surroundings) -> Decision:
    """A physician accepts the product, after the risks were evaluated and never before."""
    check_role(_roles(protocol).accepted_by, around.actor, "accept a product by exception")
    exception = _standing(therapy, protocol, command.exception)
    if exception.evaluated is None:
        raise refuse(
            "exception.order",
            f"{exception.code} cannot be accepted: nobody has evaluated its risks.",
            "The acceptance comes after the evaluation: `unbroken exception evaluate`.",
            exception=exception.code,
            lacks=next_signature(exception),
        )
    if exception.accepted is not None:
        raise _signed_already(exception, "it was accepted")
    _other_than(exception.evaluated.person, exception, around.actor, "accept", "evaluated its risks")
    fact = ExceptionAccepted(
        therapy=therapy.id,
        exception=exception.code,
        evaluation=exception.evaluated.link,
        statement=command.statement,
    )
    return Decision((fact,), "approved", around.now)


def _signed_already(exception: ReleaseException, what: str) -> Exception:
    return refuse(
        "order.done", f"{exception.code}: {what} already.", "Nothing is signed twice.", exception=exception.code
    )


def _other_than(person: str, exception: ReleaseException, actor: Actor, what: str, did: str) -> None:
    if person == actor.person:
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not {what} {exception.code}: {person} {did}.",
            "One person is one person under any account. Fetch another.",
            person=person,
            exception=exception.code,
        )


def _withdraw(therapy: Therapy, protocol: StudyProtocol, command: WithdrawException, around: Surroundings) -> Decision:
    """Whoever may request, accept, or decide on quality, ends a request that is not pursued."""
    roles = _roles(protocol)
    check_role((*roles.requested_by, *roles.accepted_by, *protocol.qa_roles), around.actor, "withdraw an exception")
    exception = current(therapy)
    if exception is None or exception.code != command.exception.upper():
        raise refuse(
            "exception.open",
            f"{therapy.id} has no exception {command.exception} that could be withdrawn.",
            f"Open is: {exception.code if exception else 'none'}.",
            exception=command.exception,
        )
    _undecided(therapy, protocol)
    fact = ExceptionWithdrawn(therapy=therapy.id, exception=exception.code, reason=command.reason)
    return Decision((fact,), "withdrawn", around.now)

"""A result out of specification: retested, or invalidated after a laboratory error; and a release by exception."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, Json, Occurrence, OfMaterial, Secret, StepArg, TherapyArg, Why
from console.show import Screen, as_json, line, pairs
from protocol.commands import (
    AcceptException,
    AuthoriseRetest,
    EvaluateException,
    InvalidateResult,
    RequestException,
    WithdrawException,
)

ExceptionArg = Annotated[str, typer.Argument(metavar="EXCEPTION", help="Its number in this therapy, for example X-1.")]


def retest(
    therapy: TherapyArg,
    step: StepArg,
    why: Why,
    material: OfMaterial = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Authorise a retest, with its reason, after a result out of specification. The result stays; so does the retest's.

    Example: unbroken result retest T-7K2QXM test_viability --why "the cell counter clogged" --as qa.releaser.1
    """
    document = {"step": step, "material": material, "reason": why}
    act(here.site(), therapy, command(AuthoriseRetest, document), account, secret, json)


def invalidate(
    therapy: TherapyArg,
    step: StepArg,
    deviation: Annotated[
        str, typer.Option("--deviation", metavar="D-N", help="Whose investigation concluded a laboratory error.")
    ],
    why: Why,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say that a failing result does not count, because its investigation concluded a laboratory error. It is retained.

    Example: unbroken result invalidate T-7K2QXM test_viability --deviation D-1 --why "wrong dilution, proven" --as qa.releaser.2
    """
    document = {
        "step": step, "occurrence": occurrence or "1", "material": material, "deviation": deviation, "reason": why,
    }  # fmt: skip
    act(here.site(), therapy, command(InvalidateResult, document), account, secret, json)


def request(therapy: TherapyArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Request a product that is out of specification (physician), after each failed result was investigated.

    Example: unbroken exception request T-7K2QXM --why "rapid progression, no alternative" --as physician.1
    """
    act(here.site(), therapy, command(RequestException, {"reason": why}), account, secret, json)


def evaluate(
    therapy: TherapyArg,
    exception: ExceptionArg,
    risks: Annotated[
        str, typer.Option("--risks", metavar="TEXT", help="The risks of giving it, and of not giving it.")
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Evaluate the risks of a product that was requested by exception.

    Example: unbroken exception evaluate T-7K2QXM X-1 --risks "lower dose; no harm expected" --as qa.releaser.1
    """
    document = {"exception": exception, "risks": risks}
    act(here.site(), therapy, command(EvaluateException, document), account, secret, json)


def accept(
    therapy: TherapyArg,
    exception: ExceptionArg,
    statement: Annotated[
        str, typer.Option("--statement", metavar="TEXT", help="That the risks are known, and why it is accepted.")
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Accept the product after its risks were evaluated (physician). QA then releases: unbroken perform THERAPY disposition.

    Example: unbroken exception accept T-7K2QXM X-1 --statement "risks explained; the patient agrees" --as physician.1
    """
    document = {"exception": exception, "statement": statement}
    act(here.site(), therapy, command(AcceptException, document), account, secret, json)


def withdraw(
    therapy: TherapyArg,
    exception: ExceptionArg,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Withdraw a request that is not pursued.

    Example: unbroken exception withdraw T-7K2QXM X-1 --why "a second collection is possible" --as physician.1
    """
    document = {"exception": exception, "reason": why}
    act(here.site(), therapy, command(WithdrawException, document), account, secret, json)


def show(therapy: TherapyArg, json: Json = False) -> None:
    """Show what a release by exception would rest on: the failed criteria, and each request with its signatures.

    Example: unbroken exception show T-7K2QXM
    """
    from console.one_look import opened
    from protocol.exceptions import failed, standing

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    protocol = desk.protocol_of(state)
    fails = failed(state, protocol)
    rows = [(e, standing(state, protocol, e)) for e in state.exceptions.values()]
    if json:
        as_json({"failed": [c.model_dump() for c in fails], "exceptions": [_told(e, how) for e, how in rows]})
        return
    screen = Screen(site)
    screen.simulated()
    told = "; ".join(f"{c.name} {c.found} (passes {c.passes})" for c in fails)
    line(f"Failed criteria of {therapy}: {told or 'none'}")

    def by(signed: Any, meaning: str) -> str:
        return screen.signature(signed.account, signed.recorded, meaning) if signed else ""

    for e, how in rows:
        line(f"{e.code}: {how}")
        pairs(
            [
                ("criteria", "; ".join(f"{c.name} {c.found} (passes {c.passes})" for c in e.criteria)),
                ("requested", f"{e.reason} ({by(e.requested, 'performed')})"),
                ("risks", f"{e.risks} ({by(e.evaluated, 'reviewed')})" if e.evaluated else ""),
                ("accepted", f"{e.statement} ({by(e.accepted, 'approved')})" if e.accepted else ""),
                ("withdrawn", by(e.withdrawn, "withdrawn")),
            ],
            "  ",
        )


def _told(e: Any, how: str) -> dict[str, Any]:
    signed = {"requested": e.requested, "evaluated": e.evaluated, "accepted": e.accepted, "withdrawn": e.withdrawn}
    return {
        "exception": e.code,
        "standing": how,
        "criteria": [c.model_dump() for c in e.criteria],
        "reason": e.reason,
        "risks": e.risks,
        "statement": e.statement,
        "signatures": {
            what: {"account": s.account, "recorded": s.recorded, "link": s.link} for what, s in signed.items() if s
        },
    }

"""One therapy in one look: its status, and whether it verifies. These two are asked most, so they wait for nothing they need not.

Neither the parser of the command line nor the rulebook is imported here before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.newer import newer
from console.remembered import Answer, recall, work_out
from console.show import Screen, as_json, first_of, line, pairs
from events.errors import Corrupt, Refused, Unavailable, UnbrokenError
from events.forms import is_therapy_id
from events.instant import from_wire
from events.verify import Finding

if TYPE_CHECKING:
    from console.site import Site
    from protocol.desk import Desk
    from protocol.state import Therapy

CLEAN, FINDINGS, CANNOT_TELL = 0, 1, 3


def quickly(argv: list[str]) -> int | None:
    """Answer ``status THERAPY`` and ``verify THERAPY``, with --json or not; None: anything else, which the parser reads."""
    words = [word for word in argv if word != "--json"]
    if (
        len(words) != 2
        or len(argv) - len(words) > 1
        or words[1].startswith("-")
        or words[0] not in ("status", "verify")
        or not is_therapy_id(words[1])  # then the parser's way says what the form of an id is
    ):
        return None
    from console import here

    json = "--json" in argv
    if words[0] == "status":
        return status(here.site(), words[1], json)
    return or_cannot_tell(lambda: verify(here.site(), words[1], json), json)


def opened(desk: Desk, name: str) -> Therapy:
    """The therapy.

    Raises:
        Refused: nobody opened it.
    """
    therapy = desk.therapy(name)
    if therapy.opened is None:
        raise Refused(
            "order.therapy",
            f"There is no therapy {name}.",
            values={"therapy": name},
            advice="Check the id: `unbroken batches` lists all; a therapy begins with `unbroken open`.",
        )
    return therapy


def status(site: Site, therapy: str, json: bool) -> int:
    """Show how a batch stands."""
    answer = recall(site, therapy)
    if answer is None:
        desk = site.desk()
        opened(desk, therapy)
        answer = work_out(site, desk, therapy, audited=False)
    return show_status(site, therapy, answer, json)


def show_status(site: Site, therapy: str, answer: Answer, json: bool) -> int:
    """Print a status."""
    if json:
        findings = None if answer.findings is None else len(answer.findings)
        as_json({**answer.row, "findings": findings, "simulated": site.simulated})
        return CLEAN
    screen, row = Screen(site), answer.row
    screen.simulated()

    def at(name: str) -> str:
        return screen.when(from_wire(row[name])) if row[name] else ""

    last = f"{row['last_step']}, ended {at('last_ended')}" if row["last_step"] else "none"
    worst = f", worst {row['worst_deviation']}" if row["worst_deviation"] else ""
    lines = [
        ("therapy", f"{row['therapy']}, opened {at('opened')}, protocol {row['protocol']} ({row['digest'][:12]})"),
        ("screening", row["screening"]),
        ("subject", row["subject"] or "not enrolled"),
        ("chain of identity", row["coi"]),
        ("path", row["choices"]),
        ("last step", f"{last}; {row['steps_done']} done"),
    ]
    for number, (account, recorded, meaning) in enumerate(answer.signed):
        lines.append(("" if number else "signed by", screen.signature(account, from_wire(recorded), meaning)))
    lines += [
        ("waits for", f"{row['state']}: {first_of(row['waits_for'], f'unbroken worklist --therapy {therapy}')}"),
        ("next limit", at("due")),
        ("batch", f"{row['batch']}; {row['batch'] - 1} given up before it" if row["batch"] > 1 else ""),
        ("product", row["product"]),
        ("dose given", row["dose"]),
        ("toxicity", row["grades"]),
        ("adverse events", row["adverse_events"]),
        ("REPORT DUE", _clocks(row["reports_due"], site.now(), screen)),
        ("DLT", row["dlt"]),
        ("disposition", _disposition(row)),
        ("by exception", row["exceptions"]),
        (
            "deviations",
            f"{row['deviations_open']} open of {row['deviations']}{worst}"
            + (f": unbroken deviation list --therapy {therapy}" if row["deviations_open"] else ""),
        ),
        (
            "quarantined",
            f"{row['quarantined']} materials: unbroken worklist --therapy {therapy}" if row["quarantined"] else "",
        ),
        ("HELD", f"{row['held']} hold after a wrong item: unbroken hold clear {therapy}" if row["held"] else ""),
        (
            "INCIDENT",
            f"{row['incidents']} to decide: unbroken incident options {therapy}"
            + (f"; in force: {row['incident_limit']}" if row["incident_limit"] else "")
            if row["incidents"]
            else "",
        ),
        ("STOPPED", f"{row['mismatches']} mismatch: unbroken mismatch decide {therapy}" if row["mismatches"] else ""),
        ("ALERT", f"{row['alerts']} not acknowledged: unbroken alert list {therapy}" if row["alerts"] else ""),
        ("labels", f"{row['labels_open']} without a fate: unbroken label list {therapy}" if row["labels_open"] else ""),
        ("CRITICAL", row["escalated"]),
        ("HAPPENED", row["happened"]),
        ("entered late", f"{row['entered_late']} acts, from paper or told afterwards" if row["entered_late"] else ""),
        ("RECALL", f"{row['recalled']}: unbroken trace {therapy}" if row["recalled"] else ""),
        ("infection markers", row["infection"]),
        ("STORAGE", f"{row['stored_wrongly']}: unbroken material store {therapy}" if row["stored_wrongly"] else ""),
        ("environment", f"{row['environment']} results missing: unbroken room list" if row["environment"] else ""),
        ("stopped", row["stopped"]),
        ("completed", row["completed"].replace("_", " ")),
        ("record", f"{row['records']} records, head {row['head'][:16]}; every signature verified"),
        ("decisions", _audited(therapy, answer)),
    ]
    pairs(lines)
    for says in () if row["completed"] else newer(site, [(row["therapy"], row["digest"])]):
        line(says)
    return CLEAN


def _clocks(told: str, now: datetime, screen: Screen) -> str:
    """The clocks of safety reports, each with what is left of it."""
    words = []
    for one in told.split("; ") if told else ():
        what, _, due = one.rpartition(" by ")
        left = int((from_wire(due) - now).total_seconds() // 60)
        hours = f"{abs(left) // 60} h {abs(left) % 60} min"
        words.append(f"{what} by {screen.when(from_wire(due))}, {f'{hours} left' if left >= 0 else f'{hours} LATE'}")
    return "; ".join(words)


def _disposition(row: dict[str, Any]) -> str:
    by = f" BY EXCEPTION although {row['excepted']} failed" if row["excepted"] else ""
    return row["disposition"] + by + (f", pending {row['pending_tests']}" if row["pending_tests"] else "")


def _audited(therapy: str, answer: Answer) -> str:
    """What the audit said of this head, if it was asked; without it a fact that its signer might not record shows in the rest."""
    if answer.findings is None:
        return f"not audited at this head yet: unbroken verify {therapy}"
    if answer.findings:
        return f"{len(answer.findings)} FINDINGS, call QA before anything else: unbroken verify {therapy}"
    return "audited at this head, no finding"


LOOKED_THROUGH = 100_000
"""Records, which take about a second: a longer log is not looked through for one therapy."""
BEFORE, AGAIN = "audited at this very head before", "audited again"


def verify(site: Site, name: str, json: bool, *, anew: bool = False, beside: Sequence[Finding] = ()) -> int:
    """Verify one therapy.

    Args:
        anew: ask about every decision again, even if this very head was audited.
        beside: what was found in the whole log; what concerns this therapy, or no single stream, is told too.
    """
    findings: list[Finding] = []
    records, says = 0, AGAIN
    try:
        answer = recall(site, name)
        if answer is not None and answer.findings is not None and not anew:
            says = BEFORE
        else:
            desk = site.desk()
            opened(desk, name)
            answer = work_out(site, desk, name, audited=True)
        records, findings = answer.number, list(answer.findings or ())
        left_out = _left_out(site, f"therapy/{name}")
        findings += left_out or []
        if left_out is None:
            says += "; the log is too long to hold its index against every record here: `unbroken verify` does"
    except (Corrupt, Refused) as problem:
        # A therapy that is not there may be one that the log's index or its verdicts hide.
        unknown = isinstance(problem, Refused)
        if unknown and (problem.rule != "order.therapy" or site.log.size() > LOOKED_THROUGH):
            raise
        findings = _judged_anew(site, name, problem)
        if not findings and not beside:
            raise
    told = {(finding.kind, finding.position, finding.says) for finding in findings}
    findings += [f for f in _concerning(name, beside) if (f.kind, f.position, f.says) not in told]
    return show_verdict(site, name, records, findings, says, json)


def _left_out(site: Site, stream: str) -> list[Finding] | None:
    """Records of the stream that the log's index leaves out: whoever reads by the index misses them."""
    with closing(site.log.evidence()) as evidence:
        positions = evidence.left_out(stream, LOOKED_THROUGH)
    says = f"it extends {stream}, and the log's index leaves it out"
    return None if positions is None else [Finding("index", says, position, stream) for position in positions]


def _judged_anew(site: Site, name: str, problem: UnbrokenError) -> list[Finding]:
    """What every record, judged again, says of a therapy that cannot be read as its streams are: nothing if that is nothing."""
    from events.verify import verify as judge_again

    stream = f"therapy/{name}"
    try:
        evidence, _ = site.evidence()
        with closing(evidence):
            found = judge_again(evidence, site.log_id).findings
    except UnbrokenError:
        found = []  # it cannot be judged at all: the problem that was met first is told
    if problem.rule.startswith("record."):
        first = _does_not_stand(name, problem)
        return [first, *(f for f in found if stream in f.streams and f.position != first.position)]
    return _concerning(name, found)


def _concerning(name: str, findings: Iterable[Finding]) -> list[Finding]:
    """Findings about a therapy, about who may sign, or about no single stream."""
    return [
        f
        for f in findings
        if not (named := {f.stream, *f.streams} - {None}) or {f"therapy/{name}", "authority"} & named
    ]


def show_verdict(site: Site, name: str, records: int, findings: list[Finding], says: str, json: bool) -> int:
    """Print what verifying a therapy found."""
    if json:
        as_json(
            {
                "verdict": "findings" if findings else "clean",
                "therapy": name,
                "records": records,
                "decisions": says,
                "findings": [finding.as_dict() for finding in findings],
            }
        )
    else:
        Screen(site).simulated()
        say(findings)
        if not findings:
            line(f"CLEAN: {records} records of {name}, every signature and link verified again, every decision {says}.")
    return FINDINGS if findings else CLEAN


def or_cannot_tell(look: Callable[[], int], json: bool) -> int:
    """A verification's exit code; where something cannot be read at all, it says that it cannot tell."""
    try:
        return look()
    except (Corrupt, Unavailable, OSError) as problem:
        _cannot_tell(problem, json)
    except Refused as problem:
        if problem.rule not in ("verify.checkpoint", "log.exists", "kafka.topic-configuration"):
            raise
        _cannot_tell(problem, json)
    return CANNOT_TELL


def _cannot_tell(problem: Exception, json: bool) -> None:
    says = problem.as_dict() if isinstance(problem, UnbrokenError) else {"says": str(problem)}
    if json:
        as_json({"verdict": "cannot tell", **says})
        return
    line(f"CANNOT TELL: {says['says']}")
    if "rule" in says:
        line(f"  Rule:       {says['rule']}\n  What to do: {says['advice']}")


def fallen(findings: list[Finding]) -> str:
    """How many records do not stand, and where that begins; nothing where each of them stands."""
    of_the_judge = ("grammar", "log", "sealed", "key", "signature", "head", "authority", "hole")
    gone = {f.position: f.follows for f in findings if f.kind in of_the_judge and f.position is not None}
    first = [str(position) for position, follows in gone.items() if follows is None]
    if not gone:
        return ""
    began = ", ".join(first[:5]) + (f" and {len(first) - 5} more" if len(first) > 5 else "")
    return f"{len(gone)} {'record' if len(gone) == 1 else 'records'}, beginning with {began},"


def say(findings: list[Finding]) -> None:
    """Print findings, one a line."""
    for finding in sorted(findings, key=lambda one: one.follows is not None):  # what others follow from comes first
        where = f"record {finding.position}" if finding.position is not None else "the whole log"
        if finding.stream:
            where += f" ({finding.stream}{'' if finding.number is None else f' {finding.number}'})"
        line(f"FINDING {finding.kind}: {where}: {finding.says}")


def _does_not_stand(name: str, problem: UnbrokenError) -> Finding:
    number, position = problem.values.get("number"), problem.values.get("position")
    return Finding(
        "stands",
        problem.says,
        position if isinstance(position, int) else None,
        f"therapy/{name}",
        number if isinstance(number, int) else None,
    )

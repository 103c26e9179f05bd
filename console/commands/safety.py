"""Safety after infusion: grades that a physician signs, adverse events that are reported and followed."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import act
from console.acts import command, pair, wrong
from console.options import As, At, Json, Secret, TherapyArg
from console.show import Screen, as_json, table
from console.times import read_day_or_time, read_time
from events.facts.base import read_day_or_moment
from protocol.commands import FollowEvent, ReportEvent, SignGrades

EventArg = Annotated[str, typer.Argument(metavar="EVENT", help="Its number, for example AE-1.")]
Related = Annotated[
    str | None, typer.Option("--related", metavar="WORD", help="Whether the product may have caused it.")
]
Criterion = Annotated[
    list[str] | None,
    typer.Option("--serious", metavar="CRITERION", help="Why it is serious, in the study's words. Repeat it."),
]
Expected = Annotated[
    bool | None, typer.Option("--expected/--unexpected", help="Whether the reference safety information lists it.")
]
PossibleDlt = Annotated[bool | None, typer.Option("--dlt/--no-dlt", help="Whether it may be a dose-limiting toxicity.")]
Aware = Annotated[
    str | None,
    typer.Option(
        "--aware", metavar="TIME", help="When the site became aware of it; now if left out. Clocks count from it."
    ),
]


def list_grades(therapy: TherapyArg, json: Json = False) -> None:
    """List every grade: what the signs of each visit give, why, and who signed what.

    Example: unbroken grade list T-7K2QXM
    """
    from console.one_look import opened
    from protocol.grading import proposed, told

    site = here.site()
    found = list(opened(site.desk(), therapy).safety.grades.values())
    if json:
        as_json(
            [
                {
                    "visit": str(g.at),
                    "grading": g.proposed.grading,
                    "proposed": g.proposed.grade,
                    "missing": g.proposed.missing,
                    "at_least": g.proposed.at_least,
                    "at_most": g.proposed.at_most,
                    "because": g.proposed.because,
                    "signed": g.signed.grade if g.signed else None,
                    "signed_by": g.signer.account if g.signer else None,
                    "signed_at": g.signer.recorded if g.signer else None,
                    "reason": g.signed.reason if g.signed else None,
                }
                for g in found
            ]
        )
        return
    screen = Screen(site)
    screen.simulated()
    rows = [
        [
            str(g.at),
            g.proposed.grading,
            proposed(g),
            told(g.signed.grade) if g.signed else "WAITS",
            screen.signature(g.signer.account, g.signer.recorded, "approved") if g.signer else "",
            (g.signed.reason or "") if g.signed else "",
        ]
        for g in found
    ]
    columns = ["visit", "toxicity", "proposed", "signed", "by", "why"]
    table(columns, rows, f"Grades of {therapy}; {screen.zone_note()}", "No grade.")


def sign_grades(
    therapy: TherapyArg,
    visit: Annotated[str, typer.Argument(metavar="VISIT", help="The visit, for example D3.")],
    grade: Annotated[
        list[str] | None,
        typer.Option("--grade", metavar="NAME=GRADE", help="Another grade than proposed: --grade crs=3. Repeat it."),
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why it is another one.")] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="STEP", help="Whose visit, where several are graded.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Sign the grades of a visit as they are proposed, or another one with the reason. Both stay on record.

    Example: unbroken grade sign T-7K2QXM D3 --grade crs=3 --why "vasopressor planned within the hour" --as physician.1
    """
    grades = {}
    for text in grade or ():
        name, value = pair(text, "--grade")
        if not value.isascii() or not value.isdigit():
            raise wrong(f"--grade {text!r}", "no whole number", "Write it as --grade crs=3.", given=text)
        grades[name] = int(value)
    document = {"occurrence": visit, "step": step, "grades": grades, "why": why}
    act(here.site(), therapy, command(SignGrades, document), account, secret, json)


def list_events(therapy: TherapyArg, json: Json = False) -> None:
    """List the adverse events with their marks: treatment-emergent, serious, expected, possible DLT.

    Example: unbroken adverse list T-7K2QXM
    """
    from console.one_look import opened
    from protocol.adverse_events import event_row

    site = here.site()
    state = opened(site.desk(), therapy)
    rows = [event_row(state, event) for event in state.safety.events.values()]
    if json:
        as_json(rows)
        return
    screen = Screen(site)
    screen.simulated()

    def at(text: str) -> str:
        return screen.when(read_day_or_moment(text)) if text else "goes on"

    lines = [
        [r["event"], f"{r['term']} {r['code']}".strip(), r["grade"], r["worst"], at(r["onset"]),
         at(r["ended"]), r["related"], r["marks"]]
        for r in rows
    ]  # fmt: skip
    columns = ["event", "term", "grade", "worst", "began", "ended", "related", "marks"]
    table(columns, lines, f"Adverse events of {therapy}; {screen.zone_note()}", "No adverse event.")


def list_terms(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Words of the term, or beginnings.")
    ] = None,
    therapy: Annotated[
        str | None,
        typer.Option(
            "--therapy", metavar="THERAPY", help="Its study's dictionary; the last adopted study's, if left out."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Search the study's dictionary of adverse events: terms as it spells them, and the grades that exist for each.

    Example: unbroken adverse terms neutro
    """
    from console.one_look import opened
    from protocol.dictionary import BUILT_IN, built_in, dictionary_of

    if here.folder() is None and therapy is None:
        dictionary = built_in(next(iter(BUILT_IN)))
    else:
        desk = here.site().desk()
        study = desk.protocol_of(opened(desk, therapy)) if therapy else desk.current_protocol()
        dictionary = dictionary_of(study)
    wanted = " ".join(words or ())
    found = dictionary.containing(wanted)
    near = [] if found else dictionary.nearest(wanted)
    if json:
        rows = [{"term": term, "grades": list(dictionary.grades_of(term))} for term in found]
        as_json({"dictionary": dictionary.title, "terms": rows, "nearest": near})
        return
    lines = [[term, " ".join(str(grade) for grade in dictionary.grades_of(term))] for term in found or near]
    told = f"{dictionary.title}: {len(found)} of {len(dictionary.grades)} terms"
    if near:
        told = f"{dictionary.title} has no term with {wanted!r} in it; nearest are"
    table(["term", "grades"], lines, told, f"{dictionary.title} has no term with {wanted!r} in it, nor one near it.")


def report_event(
    therapy: TherapyArg,
    term: Annotated[str, typer.Argument(metavar="TERM", help="The dictionary's term: `unbroken adverse terms WORD`.")],
    grade: Annotated[
        int,
        typer.Option("--grade", metavar="1-5", help="Its grade, one of those that the dictionary has for the term."),
    ],
    onset: Annotated[
        str, typer.Option("--onset", metavar="TIME", help="When it began, in the site's zone: a time, or a day alone.")
    ],
    related: Annotated[str, typer.Option("--related", metavar="WORD", help="Whether the product may have caused it.")],
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help="The dictionary's number for it.")] = None,
    serious: Criterion = None,
    expected: Expected = None,
    dlt: PossibleDlt = None,
    aware: Aware = None,
    says: Annotated[
        str | None, typer.Option("--says", metavar="TEXT", help="What was seen. A term `Other, specify` needs it.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report an adverse event, whenever it becomes known, with a term and grade of the study's dictionary (`unbroken adverse terms`).

    Whether it is treatment-emergent is computed.

    Example: unbroken adverse report T-7K2QXM "Anemia" --grade 3 --onset 2026-04-02T07:00 --related possibly --as physician.1
    """
    site = here.site()
    document: dict[str, Any] = {
        "term": term, "grade": grade, "onset": read_day_or_time(onset, site.zone), "related": related, "code": code,
        "serious": bool(serious), "criteria": serious or [], "expected": expected, "dlt": bool(dlt), "says": says,
    }  # fmt: skip
    if aware:
        document["aware"] = read_time(aware, site.zone)
    act(site, therapy, command(ReportEvent, document), account, secret, json)


def follow_event(
    therapy: TherapyArg,
    event: EventArg,
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What changed, or what became known.")],
    grade: Annotated[int | None, typer.Option("--grade", metavar="1-5", help="Its grade now.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="It ended.")] = False,
    related: Related = None,
    serious: Criterion = None,
    not_serious: Annotated[bool, typer.Option("--not-serious", help="It is not serious after all.")] = False,
    expected: Expected = None,
    dlt: PossibleDlt = None,
    at: At = None,
    aware: Aware = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say that an adverse event got worse, better, ended, or is judged otherwise. What was said before stays.

    Example: unbroken adverse follow T-7K2QXM AE-1 --grade 4 --says "neutrophils 0.3" --as physician.1
    """
    if serious and not_serious:
        raise wrong("--serious and --not-serious", "both are given", "Give one of the two.")
    site = here.site()
    document: dict[str, Any] = {
        "event": event, "says": says, "grade": grade, "resolved": resolved, "related": related,
        "expected": expected, "dlt": dlt,
    }  # fmt: skip
    if serious or not_serious:
        document |= {"serious": bool(serious), "criteria": serious or []}
    if at:
        document["at"] = read_day_or_time(at, site.zone)
    if aware:
        document["aware"] = read_time(aware, site.zone)
    act(site, therapy, command(FollowEvent, document), account, secret, json)

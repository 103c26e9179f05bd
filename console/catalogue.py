"""Every command by name, where it lives, and under which heading the help shows it.

Only the file of the command that was asked for is imported: importing them all would cost a status more than its answer.
"""

import importlib
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from console.typed import Looked

ABOUT = """The chain of custody for cell therapy, from vein to vein.

Every step is a signed, immutable event. A step out of limits is recorded with its deviation; a step against a rule is \
refused, and the refusal says which rule, which values, and what to do.

A site is a folder. Name it with --site DIR before or after any command, or once with UNBROKEN_SITE.

Begin with: unbroken site init DIR --help. See it all run: unbroken demo.
"""


class Entry(NamedTuple):
    """A command: the module under `console.commands`, the function, the heading."""

    module: str
    function: str
    panel: str


class Group(NamedTuple):
    """Commands under one word, with the sentence that explains the word."""

    says: str
    panel: str
    commands: dict[str, Entry]


SETUP, WORK, LOOK, QUALITY, PROOF, ENGINE = (
    "Set up", "Do the work", "Look", "Quality and the patient's course", "Prove", "Run by itself",
)  # fmt: skip

COMMANDS: dict[str, Entry | Group] = {
    "site": Group("Set a site up, and look at it.", SETUP, {
        "init": Entry("site", "init", SETUP),
        "join": Entry("site", "join", SETUP),
        "show": Entry("site", "show", SETUP),
        "clock": Entry("site", "clock", SETUP),
        "zone": Entry("site", "zone", SETUP),
    }),
    "person": Group("Who may sign, with which key, in which roles.", SETUP, {
        "list": Entry("people", "list_people", SETUP),
        "add": Entry("people", "add", SETUP),
        "roles": Entry("people", "roles", SETUP),
        "key": Entry("people", "key", SETUP),
        "revoke": Entry("people", "revoke", SETUP),
    }),
    "unlock": Entry("people", "unlock", SETUP),
    "protocol": Group("Study protocols: check a file, adopt it, read it.", SETUP, {
        "check": Entry("protocols", "check", SETUP),
        "adopt": Entry("protocols", "adopt", SETUP),
        "list": Entry("protocols", "list_protocols", SETUP),
        "show": Entry("protocols", "show", SETUP),
    }),
    "lot": Group("Lots of reagents, kits and vectors.", SETUP, {
        "release": Entry("readiness", "release", SETUP),
        "recall": Entry("readiness", "recall", SETUP),
    }),
    "device": Group("Devices and their calibration.", SETUP, {"calibrated": Entry("readiness", "calibrated", SETUP)}),
    "room": Group("Rooms where cells are open: environmental monitoring, changeover.", QUALITY, {
        "list": Entry("rooms", "list_rooms", QUALITY),
        "report": Entry("rooms", "report", QUALITY),
        "correct": Entry("rooms", "correct", QUALITY),
        "show": Entry("rooms", "show", QUALITY),
        "changeover": Entry("rooms", "changeover", QUALITY),
        "clear": Entry("rooms", "clear", QUALITY),
    }),
    "training": Group("Training of people.", SETUP, {"record": Entry("readiness", "train", SETUP)}),
    "open": Entry("steps", "open_therapy", WORK),
    "worklist": Entry("lists", "worklist", WORK),
    "step": Group("What a step asks for.", WORK, {"show": Entry("asking", "show", WORK)}),
    "ask": Entry("asking", "ask", WORK),
    "perform": Entry("steps", "perform", WORK),
    "witness": Entry("signing", "witness", WORK),
    "give": Entry("steps", "give", WORK),
    "take": Entry("signing", "take", WORK),
    "decline": Entry("signing", "decline", WORK),
    "label": Group("Labels: print them, and say what became of each.", WORK, {
        "print": Entry("labels", "print_labels", WORK),
        "list": Entry("labels", "list_labels", WORK),
        "fate": Entry("labels", "fate", WORK),
        "destroy": Entry("labels", "destroy", WORK),
        "witness": Entry("labels", "witness", WORK),
        "drop": Entry("labels", "drop", WORK),
    }),
    "withdraw-act": Entry("signing", "withdraw_act", WORK),
    "takeover": Entry("downtime", "takeover", WORK),
    "paper": Entry("downtime", "paper", WORK),
    "late": Entry("signing", "late", WORK),
    "correct": Entry("signing", "correct", WORK),
    "status": Entry("looking", "status", LOOK),
    "schedule": Entry("looking", "schedule", LOOK),
    "trail": Entry("looking", "trail", LOOK),
    "trace": Entry("trace", "trace", LOOK),
    "batches": Entry("lists", "batches", LOOK),
    "history": Entry("record", "history", LOOK),
    "events": Entry("record", "events", LOOK),
    "alert": Group("Alerts: what somebody must know at once.", QUALITY, {
        "list": Entry("alerts", "list_alerts", QUALITY),
        "acknowledge": Entry("alerts", "acknowledge", QUALITY),
    }),
    "logger": Group("Temperature logs: formats, what a file says, figures computed again, a plot.", QUALITY, {
        "formats": Entry("logger", "formats", QUALITY),
        "read": Entry("logger", "read", QUALITY),
        "detect": Entry("logger", "detect", QUALITY),
        "check": Entry("logger", "check", QUALITY),
        "plot": Entry("logger", "plot", QUALITY),
    }),
    "grade": Group("Toxicity grades, computed from signs: a physician signs them, or others with the reason.", QUALITY, {
        "list": Entry("safety", "list_grades", QUALITY),
        "sign": Entry("safety", "sign_grades", QUALITY),
    }),
    "adverse": Group("Adverse events: reported, followed, listed with their marks.", QUALITY, {
        "list": Entry("safety", "list_events", QUALITY),
        "terms": Entry("safety", "list_terms", QUALITY),
        "report": Entry("safety", "report_event", QUALITY),
        "follow": Entry("safety", "follow_event", QUALITY),
        "clocks": Entry("safety_decisions", "clocks", QUALITY),
        "sent": Entry("safety_decisions", "sent", QUALITY),
    }),
    "dlt": Group("Dose-limiting toxicity: decided for each patient, by two people.", QUALITY, {
        "decide": Entry("safety_decisions", "decide", QUALITY),
        "agree": Entry("safety_decisions", "agree", QUALITY),
        "refuse": Entry("safety_decisions", "refuse_dlt", QUALITY),
    }),
    "cohort": Group("Dose cohorts: what keeps the next patient waiting; stop one, open it again.", QUALITY, {
        "show": Entry("safety_decisions", "show_cohort", QUALITY),
        "stop": Entry("safety_decisions", "stop", QUALITY),
        "reopen": Entry("safety_decisions", "reopen", QUALITY),
    }),
    "deviation": Group("Deviations: graded, investigated, corrected, closed by another person.", QUALITY, {
        "list": Entry("deviations", "list_deviations", QUALITY),
        "show": Entry("deviations", "show", QUALITY),
        "open": Entry("deviations", "open_deviation", QUALITY),
        "regrade": Entry("deviations", "regrade", QUALITY),
        "investigate": Entry("deviations", "investigate", QUALITY),
        "assess": Entry("deviations", "assess", QUALITY),
        "plan": Entry("deviations", "plan", QUALITY),
        "done": Entry("deviations", "done", QUALITY),
        "check": Entry("deviations", "check", QUALITY),
        "close": Entry("deviations", "close", QUALITY),
    }),
    "result": Group("A result out of specification: tested again, or invalidated; it always stays.", QUALITY, {
        "retest": Entry("out_of_specification", "retest", QUALITY),
        "invalidate": Entry("out_of_specification", "invalidate", QUALITY),
    }),
    "exception": Group("Release by exception: investigation, request, risks, acceptance; then QA.", QUALITY, {
        "show": Entry("out_of_specification", "show", QUALITY),
        "request": Entry("out_of_specification", "request", QUALITY),
        "evaluate": Entry("out_of_specification", "evaluate", QUALITY),
        "accept": Entry("out_of_specification", "accept", QUALITY),
        "withdraw": Entry("out_of_specification", "withdraw", QUALITY),
    }),
    "happened": Entry("happened", "happened", QUALITY),
    "quarantine": Group("Decide on quarantined material.", QUALITY, {
        "lift": Entry("quality", "lift", QUALITY),
        "reject": Entry("quality", "reject", QUALITY),
    }),
    "hold": Group("Holds after a wrong item was presented.", QUALITY, {"clear": Entry("quality", "clear", QUALITY)}),
    "incident": Group("Missed pick-up, broken seal, lost logger: report it, see what can be done and for how long.", QUALITY, {
        "report": Entry("incidents", "report", QUALITY),
        "options": Entry("incidents", "options", QUALITY),
        "choose": Entry("incidents", "choose", QUALITY),
    }),
    "mismatch": Group("A label that does not match, an unexplained place: two people of QA decide.", QUALITY, {
        "report": Entry("mismatch", "report", QUALITY),
        "decide": Entry("mismatch", "decide", QUALITY),
    }),
    "manufacture": Group("Manufacture that failed: reported, and confirmed by a second person.", QUALITY, {
        "failed": Entry("manufacture", "failed", QUALITY),
        "confirm": Entry("manufacture", "confirm", QUALITY),
        "decline": Entry("manufacture", "decline", QUALITY),
    }),
    "remake": Entry("manufacture", "remake", QUALITY),
    "terminate": Entry("manufacture", "terminate", QUALITY),
    "amendment": Group("Amendments: a running therapy goes on under a later version of its study, by two people.", QUALITY, {
        "show": Entry("amendments", "show", QUALITY),
        "move": Entry("amendments", "move", QUALITY),
        "approve": Entry("amendments", "approve", QUALITY),
        "decline": Entry("amendments", "decline", QUALITY),
    }),
    "dispose": Entry("course", "dispose", QUALITY),
    "material": Group("Material beside the protocol's steps: disposal by two, kept, returned, lost, found.", QUALITY, {
        "witness": Entry("materials", "witness", QUALITY),
        "drop": Entry("materials", "drop", QUALITY),
        "store": Entry("materials", "store", QUALITY),
        "keep": Entry("materials", "keep", QUALITY),
        "return": Entry("materials", "give_back", QUALITY),
        "lost": Entry("materials", "lost", QUALITY),
        "found": Entry("materials", "found", QUALITY),
    }),
    "withdraw": Entry("course", "withdraw", QUALITY),
    "death": Entry("course", "death", QUALITY),
    "screen-failure": Entry("course", "screen_failure", QUALITY),
    "verify": Entry("proof", "verify", PROOF),
    "checkpoint": Entry("proof", "checkpoint", PROOF),
    "log": Group("Where the log is kept, and moving it.", PROOF, {
        "show": Entry("log", "show", PROOF),
        "copy": Entry("log", "copy", PROOF),
        "use": Entry("log", "use", PROOF),
    }),
    "file": Group("Raw files by hash: logger exports, scans, curves.", PROOF, {
        "add": Entry("files", "add", PROOF),
        "show": Entry("files", "show", PROOF),
        "verify": Entry("files", "verify", PROOF),
    }),
    "rebuild": Entry("engine", "rebuild", PROOF),
    "digest": Entry("engine", "digest", PROOF),
    "driver": Group("The driver: what happens by itself, happens there.", ENGINE, {
        "run": Entry("engine", "driver", ENGINE),
    }),
    "projector": Group("The projector: it fills the SQL views.", ENGINE, {
        "run": Entry("engine", "projector", ENGINE),
    }),
    "lag": Entry("engine", "lag", ENGINE),
    "demo": Entry("engine", "demo", ENGINE),
}  # fmt: skip


def application(first: str | None) -> typer.Typer:
    """The application with the one command (or group) named `first`, or with all of them."""
    app = typer.Typer(
        help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    # With one command alone, typer would drop the command's own name; a callback keeps it.
    app.callback()(_unbroken)
    names = [first] if first in COMMANDS else list(COMMANDS)
    for name in names:
        entry = COMMANDS[name]
        if isinstance(entry, Entry):
            _add(app, name, entry)
            continue
        group = typer.Typer(help=entry.says, no_args_is_help=True, rich_markup_mode="rich")
        group.callback()(lambda: None)
        for word, below in entry.commands.items():
            _add(group, word, below)
        app.add_typer(group, name=name, help=entry.says, rich_help_panel=entry.panel)
    return app


def _unbroken(
    _site: Annotated[
        Path | None, typer.Option("--site", metavar="DIR", help="The site's folder; UNBROKEN_SITE serves too.")
    ] = None,
    _version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Both options are taken before the line gets here (`console.here`, `console.main`); this is for the help."""


def _add(app: typer.Typer, name: str, entry: Entry) -> None:
    module = importlib.import_module(f"console.commands.{entry.module}")
    app.command(name, cls=Looked, rich_help_panel=entry.panel)(getattr(module, entry.function))


def every_command() -> list[tuple[str, ...]]:
    """The words of every command, for the manual's tests."""
    found: list[tuple[str, ...]] = []
    for name, entry in COMMANDS.items():
        found += [(name,)] if isinstance(entry, Entry) else [(name, word) for word in entry.commands]
    return found

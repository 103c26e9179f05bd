"""Temperature logs: which formats are known, what a file says, a proposal for a new format, figures computed again, a plot."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from console import here
from console.files import Files
from console.given import refuse_place
from console.given_log import GivenLog
from console.one_look import CLEAN, FINDINGS, opened
from console.options import Json, Occurrence, OfMaterial, StepArg, TherapyArg
from console.show import Screen, as_it_is, as_json, line, table
from console.telling import declared_in_words, told_log
from console.times import read_time
from events.errors import Refused
from events.zones import zone_of
from protocol.versions import version_then

Format = Annotated[
    str | None,
    typer.Option("--format", "--logger-format", metavar="NAME", help="How the file is written: see `logger formats`."),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone",
        "--logger-zone",
        metavar="ZONE",
        help="The zone of its times, if the format says none: Europe/Berlin, +01:00.",
    ),
]
Clock = Annotated[
    str | None,
    typer.Option(
        "--clock",
        "--logger-clock",
        metavar="TEXT",
        help='How its clock was wrong: "90 s fast", "40 s slow at read-out".',
    ),
]
Interval = Annotated[
    str | None,
    typer.Option(
        "--interval",
        "--logger-interval",
        metavar="LENGTH",
        help="How often it measures, if the format does not say: 10 min.",
    ),
]
LogArg = Annotated[Path, typer.Argument(metavar="FILE", help="The logger's file, as it was read out.")]
Bounds = Annotated[
    list[str] | None,
    typer.Option("--outside", metavar="BOUND", help='A bound in C: "above 8" or "below 2". Repeat it.'),
]


def formats(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One format, to show what it declares.")] = None,
    json: Json = False,
) -> None:
    """List the declared formats of logger files, or show one: those that ship, and the site's own in formats/.

    Example: unbroken logger formats semicolon-comma
    """
    from console.loggers import SITE_FORMATS, format_texts
    from protocol.logger.declaration import read_declaration

    known = format_texts(here.folder())
    if name is not None:
        if name not in known:
            raise Refused(
                "logger.format-named", f"There is no format {name}.", values={"format": name},
                advice=f"Known are: {', '.join(known)}.",
            )  # fmt: skip
        as_it_is(known[name][0])
        return
    read = {key: (read_declaration(text, key), origin) for key, (text, origin) in known.items()}
    if json:
        as_json(
            [
                {**declared.model_dump(mode="json", exclude_none=True), "from": origin}
                for declared, origin in read.values()
            ]
        )
        return
    rows = [[key, declared.title, declared.times, declared.zone or "to be said", origin]
            for key, (declared, origin) in read.items()]  # fmt: skip
    table(["format", "what it is", "times", "zone", "from"], rows, "Formats of logger files")
    line(f"\nAnother one is a file of the same kind in the site's folder {SITE_FORMATS}/: unbroken logger detect FILE")


def read(
    file: LogArg,
    format_: Format = None,
    zone: Zone = None,
    clock: Clock = None,
    interval: Interval = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From when; the file's first reading, if left out.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Until when; the end of the file, if left out.")
    ] = None,
    outside: Bounds = None,
    json: Json = False,
) -> None:
    """Read a logger's file and say what is in it: time outside bounds, unknown, lowest, highest, means. Records nothing.

    Example: unbroken logger read log.csv --format semicolon-comma --zone Europe/Berlin --outside "above 8" --outside "below 2"
    """
    from console.loggers import bytes_of, declaration
    from protocol.logger.figures import figures_of_file

    folder, zone_shown = _place()
    data = bytes_of(file)
    declared = declaration(folder, _given(file, format_, zone, clock, interval), data)
    figures = figures_of_file(data, declared, _time(since, zone_shown), _time(until, zone_shown), _bounds(outside))
    if json:
        as_json(figures.model_dump(mode="json", exclude_none=True))
        return
    line(f"{file}: nothing was recorded.")
    for told in told_log(figures, lambda moment: f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""):
        line(told)


def detect(file: LogArg, zone: Zone = None) -> None:
    """Propose a declaration for a logger's file, for a person to check and save. What cannot be seen is left to be chosen.

    Nothing is read by a proposal: save it as formats/NAME.yaml in the site's folder, and name it with --logger-format.

    Example: unbroken logger detect log.csv --zone Europe/Berlin > ours.yaml
    """
    from console.loggers import bytes_of
    from protocol.logger.detect import propose

    as_it_is(propose(bytes_of(file), zone))


def check(
    therapy: TherapyArg,
    step: StepArg,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The raw file; the one that the site keeps, if left out.")
    ] = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    json: Json = False,
) -> None:
    """Compute a recorded temperature log again from its raw file, and compare every figure. Exit 1 if one differs.

    Example: unbroken logger check T-7K2QXM transport log.csv
    """
    from console.loggers import again, bytes_of, differences, recorded

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    at, log = recorded(state, step, occurrence or "1", material or "")
    data = bytes_of(file) if file else Files(site.folder).read(log.file.sha256)
    found = differences(log, again(log, data, version_then(state, desk.protocol_of(state), at), step))
    if json:
        as_json(
            {"verdict": "differs" if found else "same", "at": str(at), "file": log.file.sha256, "differences": found}
        )
    else:
        for difference in found:
            line(f"DIFFERS {difference}")
        if not found:
            line(f"SAME: every figure of {at} is what the file {log.file.sha256[:16]} gives, byte for byte.")
        line(f"Declared: {declared_in_words(log.declaration)}")
    raise typer.Exit(FINDINGS if found else CLEAN)


def plot(
    therapy: TherapyArg,
    step: StepArg,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it; .svg or .png.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="The raw file; the one that the site keeps, if left out."),
    ] = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
) -> None:
    """Draw a recorded temperature log: bounds shaded, time outside and unknown time marked, start and end of the stretch.

    Example: unbroken logger plot T-7K2QXM transport --out transport.svg
    """
    from console.chart import drawn
    from console.loggers import again, bytes_of, chart_of, recorded

    refuse_place(out)
    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    at, log = recorded(state, step, occurrence or "1", material or "")
    data = bytes_of(file) if file else Files(site.folder).read(log.file.sha256)
    again(
        log, data, version_then(state, desk.protocol_of(state), at), step
    )  # another file, or an altered one, is not drawn
    out.write_bytes(drawn(chart_of(site, state, desk.protocol_of(state), at, log, data), out.suffix.lower()))
    line(f"Drawn to {out}: {at} of {therapy}.")
    Screen(site).simulated()


def _given(file: Path, format_: str | None, zone: str | None, clock: str | None, interval: str | None) -> GivenLog:
    return GivenLog(str(file), format_ or "", zone or "", clock or "", interval or "")


def _place() -> tuple[Path | None, ZoneInfo]:
    """The site's folder and zone, if a site is named; a file can be looked at without one."""
    folder = here.folder()
    return (folder, here.site().zone) if folder else (None, zone_of("UTC"))


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    return read_time(text, zone) if text else None


def _bounds(texts: list[str] | None) -> tuple[tuple[Literal["above", "below"], Decimal], ...]:
    found: list[tuple[Literal["above", "below"], Decimal]] = []
    for text in texts or ():
        match text.replace("C", " ").split():
            case ["above" | "below" as side, bound]:
                try:
                    found.append(("above" if side == "above" else "below", Decimal(bound)))
                    continue
                except InvalidOperation:
                    pass
            case _:
                pass
        raise Refused(
            "input.form",
            f"{text!r} is no bound.",
            values={"given": text},
            advice='Write "above 8" or "below 2", in degrees Celsius.',
        )
    return tuple(dict.fromkeys(found))


__all__ = ["check", "detect", "formats", "plot", "read"]

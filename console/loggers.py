"""A logger's file as it is given on the command line: its bytes, its declared format, and the figures for a step."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from console.files import Files
from console.given import opened, text_of
from console.given_log import GivenLog
from console.times import read_time
from events.errors import Refused, UnbrokenError
from events.facts.logger import LogFigures
from events.grammar import dump_json
from events.instant import whole_milliseconds
from events.verify import Finding
from events.zones import zone_of
from protocol.choosing import choose
from protocol.commands import Perform, ReadLogger
from protocol.decide.signing import standing_act
from protocol.gate import known_step
from protocol.logger.asked import Asked, asked_by
from protocol.logger.deciding import asked_of, figures_in_words
from protocol.logger.declaration import Declaration, read_declaration, validated
from protocol.logger.figures import all_stretches, read_figures
from protocol.logger.read import read_log
from protocol.logger.spans import minutes, of_seconds, to_ms
from protocol.logger.table import LARGEST_FILE, too_large
from protocol.model import Moment, StudyProtocol
from protocol.state import Instance, Therapy
from protocol.versions import version_then

if TYPE_CHECKING:
    from console.chart import Chart
    from console.site import Site
    from protocol.reader import Reader

SITE_FORMATS = "formats"
"""The folder of a site that holds the formats of its own."""
_WRONG = re.compile(r"([0-9.]+\s*(?:s|min|h))\s+(fast|slow)(\s+at\s+read-?out)?", re.IGNORECASE)


# ---------------------------------------------------------------------------------------------------- formats


def format_texts(folder: Path | None) -> dict[str, tuple[str, str]]:
    """Every named format: its text, and where it is from. A site's own goes over one that ships under the same name."""
    shipped = resources.files("protocol").joinpath("logger/formats")
    found = {
        entry.name.removesuffix(".yaml"): (entry.read_text(encoding="utf-8"), "ships with the program")
        for entry in shipped.iterdir()
        if entry.name.endswith(".yaml")
    }
    own = folder / SITE_FORMATS if folder else None
    for path in sorted(own.glob("*.yaml")) if own and own.is_dir() else []:
        found[path.stem] = (text_of(path), "this site's own")
    return dict(sorted(found.items()))


def declaration(folder: Path | None, log: GivenLog, data: bytes) -> Declaration:
    """The declaration of a file that is given.

    Raises:
        Refused: no format is named (the refusal names those that fit), there is no such format, or what is said does not fit.
    """
    if not log.format:
        fitting = ", ".join(fitting_formats(folder, data)) or "none"
        raise Refused(
            "logger.format-named",
            f"No format is declared for {log.file}; of the known ones, these read it: {fitting}.",
            values={"fitting": fitting},
            advice="Say which it is with --logger-format NAME; it is part of the record. "
            "None? `unbroken logger detect FILE` proposes one.",
        )
    name = log.format
    if name.endswith((".yaml", ".yml")):
        declared = read_declaration(text_of(name), name)
    else:
        known = format_texts(folder)
        if name not in known:
            raise Refused(
                "logger.format-named",
                f"There is no format {name}.",
                values={"format": name},
                advice=f"Known are: {', '.join(known)}. Another is a YAML file in the site's folder {SITE_FORMATS}/.",
            )
        declared = read_declaration(known[name][0], f"format {name}")
    return declared.with_(
        zone=log.zone or None, interval=log.interval or None, clock=_clock(log.clock) if log.clock else None
    )


def fitting_formats(folder: Path | None, data: bytes) -> Iterator[str]:
    """The names of the formats by which a file can be read, whatever its zone."""
    for name, (text, _) in format_texts(folder).items():
        try:
            declared = read_declaration(text, name)
            read_log(data, declared.with_(zone=declared.zone or "UTC"))
        except Refused as refused:
            if refused.rule in ("logger.zone", "logger.order", "logger.doubled"):
                yield f"{name} (but {refused.says[0].lower()}{refused.says[1:]})"
            continue
        yield name


def _clock(text: str) -> dict[str, object]:
    """``90 s fast``, ``2 min slow at read-out``, or two moments ``LOGGER=TRUE,LOGGER=TRUE``."""
    if match := _WRONG.fullmatch(text.strip()):
        length, word, at_end = match[1], match[2].lower(), match[3]
        return {f"{word}_at_read_out" if at_end else word: re.sub(r"(?<=[0-9])\s*(?=[a-z])", " ", length)}
    pairs = [part.partition("=") for part in text.split(",")]
    if len(pairs) != 2 or not all(mark for _, mark, _ in pairs):
        raise Refused(
            "input.form",
            f"{text!r} does not say how the logger's clock was wrong.",
            values={"given": text},
            advice='Write "90 s fast", "90 s slow at read-out", or two moments: '
            "2026-03-01T08:00Z=2026-03-01T08:00Z,2026-03-02T08:01Z=2026-03-02T08:00Z (the logger's time first).",
        )
    utc = zone_of("UTC")
    return {"points": [{"logger": read_time(a, utc), "true": read_time(b, utc)} for a, _, b in pairs]}


def bytes_of(path: Path) -> bytes:
    """The bytes of a logger's file; never more than any logger writes.

    Raises:
        Refused: there is no such file, or it is too large.
    """
    with opened(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > LARGEST_FILE:
            raise too_large(size)
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise too_large(None)
    return data


# ---------------------------------------------------------------------------------------------------- for a step


def with_log(site: Site, therapy: str, command: Perform, log: GivenLog, *, keep: bool = True) -> Perform:
    """A performance with its temperature log: the file kept, and computed for the stretch that the step asks for.

    Args:
        keep: False where somebody only asks.
    """
    if log.lost:
        command = command.model_copy(update={"logger_lost": log.lost})
    if not log.file:
        return command
    desk = site.desk()
    state = desk.therapy(therapy)
    protocol = desk.protocol_of(state)
    step = known_step(protocol, command.step)
    # The end is fixed here: the figures are for a stretch, and the stretch ends when the step did.
    ended = command.ended or command.started or whole_milliseconds(desk.clock())
    asked = asked_of(state, protocol, step, choose(state, protocol, step, command, ended).at, ended)
    figures = _figures(site, log, asked, keep)
    return command.model_copy(update={"logger": figures, "ended": ended, "started": command.started or ended})


def late_log(site: Site, therapy: str, command: ReadLogger, log: GivenLog) -> ReadLogger:
    """A temperature log that comes after its step."""
    update: dict[str, object] = {"logger_lost": log.lost or None, "why": log.why or None}
    if log.file:
        desk = site.desk()
        state = desk.therapy(therapy)
        protocol = desk.protocol_of(state)
        act, step = standing_act(state, protocol, command)
        update["logger"] = _figures(site, log, asked_of(state, protocol, step, act.at, act.fact.ended), True)
    return command.model_copy(update=update)


def _figures(site: Site, log: GivenLog, asked: Asked, keep: bool) -> LogFigures:
    data = bytes_of(Path(log.file))
    figures = read_figures(data, declaration(site.folder, log, data), asked)
    if keep:
        Files(site.folder).keep(data)
    return figures


# ---------------------------------------------------------------------------------------------------- computed again


def recorded(therapy: Therapy, step: str, occurrence: str = "1", material: str = "") -> tuple[Instance, LogFigures]:
    """The log that counts for an instance of a step; the only one, where material and occurrence are not said.

    Raises:
        Refused: none was read.
    """
    found = [
        (at, read.log)
        for at, read in therapy.loggers.items()
        if at.step == step and read.log and material in ("", at.material) and at.occurrence == (occurrence or "1")
    ]
    if len(found) == 1:
        return found[0]
    told = ", ".join(str(at) for at, read in therapy.loggers.items() if read.log) or "none"
    raise Refused(
        "logger.recorded",
        f"{'Several temperature logs' if found else 'No temperature log'} of {step} recorded in {therapy.id}.",
        values={"step": step, "recorded": told},
        advice=f"Recorded are those of: {told}." + (" Name the material." if found else ""),
    )


def again(log: LogFigures, data: bytes, protocol: StudyProtocol, step: str) -> LogFigures:
    """The figures computed again from a raw file, by the declaration that stands in the record and the study that it names.

    Raises:
        Refused: it is another file, or cannot be read so.
    """
    spec = known_step(protocol, step).logger
    if spec is None:
        raise Refused(
            "logger.step",
            f"Step {step} asks for no temperature log.",
            values={"step": step},
            advice="Name another step.",
        )
    declared = validated(json.loads(log.declaration), "the recorded declaration")
    return read_figures(data, declared, asked_by(spec, log.starts, log.ends))


def differences(log: LogFigures, computed: LogFigures) -> list[str]:
    """Where two sets of figures differ; compared byte for byte."""
    if dump_json(log.model_dump(mode="json")) == dump_json(computed.model_dump(mode="json")):
        return []
    one, other = log.model_dump(mode="json"), computed.model_dump(mode="json")
    return [f"{name}: recorded {one[name]}, computed {other[name]}" for name in one if one[name] != other[name]]


def recomputed(files: Files, reader: Reader) -> list[Finding]:
    """Every temperature log in the record whose raw file is here, computed again; what differs is a finding."""
    findings = []
    for stream in reader.log.streams("therapy/"):
        state = reader.therapy(stream.removeprefix("therapy/"))
        for at, read in state.loggers.items():
            if read.log is None or files.look(read.log.file.sha256) != "present":
                continue  # said already
            says = _otherwise(read.log, files, version_then(state, reader.protocol_of(state), at), at.step)
            if says:
                findings.append(Finding("figures", f"temperature log of {at}: {says}", None, stream))
    return findings


def _otherwise(log: LogFigures, files: Files, protocol: StudyProtocol, step: str) -> str:
    try:
        return "; ".join(differences(log, again(log, files.read(log.file.sha256), protocol, step)))
    except UnbrokenError as problem:
        return f"it cannot be computed again: {problem.says}"


# ---------------------------------------------------------------------------------------------------- drawn


def chart_of(
    site: Site, therapy: Therapy, protocol: StudyProtocol, at: Instance, log: LogFigures, data: bytes
) -> Chart:
    """What is drawn of a recorded temperature log."""
    from console.chart import Chart

    step = known_step(version_then(therapy, protocol, at), at.step)
    assert step.logger is not None  # a log was read for it
    asked = asked_by(step.logger, log.starts, log.ends)
    declared = validated(json.loads(log.declaration), "the recorded declaration")
    where = at.material or ", ".join(sorted(therapy.acts[at].fact.moves)) if at in therapy.acts else at.material
    simulated = " (simulated time)" if site.simulated else ""
    told = (
        f"{step.title}{simulated}",
        f"{figures_in_words(log)}; {log.readings} readings, one every {minutes(of_seconds(log.interval))} min",
        f"file SHA-256 {log.file.sha256}, format {declared.id}",
    )
    return Chart(
        title=" · ".join(filter(None, (therapy.id, str(at.step), where))),
        told=told,
        stretches=all_stretches(data, declared, asked),
        starts=to_ms(log.starts),
        ends=to_ms(log.ends),
        names=(_moment_words(step.logger.start), _moment_words(step.logger.until or Moment(step=step.id, edge="end"))),
        bounds=asked.bounds,
        zone=site.zone,
    )


def _moment_words(moment: Moment) -> str:
    return f"{moment.step.replace('_', ' ')} {'started' if moment.edge == 'start' else 'ended'}"

"""Prove it: every record judged again, and a checkpoint outside the log that proves its tail."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from console import here, one_look
from console.given import bytes_of, refuse_place
from console.one_look import CLEAN, FINDINGS
from console.options import Json
from console.show import as_it_is, as_json, line
from console.site import Site
from console.where import COPY
from events.checkpoint import Note, read_note
from events.errors import Refused, UnbrokenError
from events.evidence import Evidence
from events.log import EventLog, Stored
from events.verify import Finding, Verification


def verify(
    therapy: Annotated[
        str | None, typer.Argument(metavar="[THERAPY]", help="One therapy; the whole log, if left out.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="A checkpoint of this log; proves that nothing before it was cut off."
        ),
    ] = None,
    log_id: Annotated[
        str | None,
        typer.Option("--log-id", metavar="HEX", help="The log's id as you wrote it down when the site was set up."),
    ] = None,
    decisions: Annotated[
        bool,
        typer.Option("--decisions/--no-decisions", help="Ask today's rules again about every decision (whole log)."),
    ] = True,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="One therapy: ask about every decision again, even if this very head was audited."),
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="A log in Kafka: read all of it from the brokers again, and hold the copy against it."
        ),
    ] = False,
    files: Annotated[
        bool,
        typer.Option("--files", help="Also look which raw files named in the log are here, missing, or altered."),
    ] = False,
    json: Json = False,
) -> None:
    """Verify: every signature, link and place of every record, from the first one on; then every decision again.

    Exit 0: clean. 1: findings. 3: cannot tell (a file that cannot be read). Trusts nothing in the folder but the log's id.

    Example: unbroken verify --log-id 5d0c... --checkpoint checkpoints/000000120.txt
    """

    def look() -> int:
        site = here.site()
        if not therapy:
            return _whole(site, checkpoint, log_id, decisions, full, files, json)
        asked = checkpoint or log_id or full or files
        beside = _of_the_whole(site, checkpoint, log_id, full, files, json) if asked else []
        return one_look.verify(site, therapy, json, anew=anew, beside=beside)

    raise typer.Exit(one_look.or_cannot_tell(look, json))


def _whole(
    site: Site, file: Path | None, log_id: str | None, decisions: bool, full: bool, files: bool, json: bool
) -> int:
    pinned = (log_id or site.log_id).strip().lower()
    with _read_anew(site) if full and site.kafka else nullcontext(None) as anew:
        result = _judged(site, anew, pinned, file, json)
        sound = result.clean
        if sound and (decisions or files):
            # What was read from the brokers is believed; the copy, which may be what is wrong, is only held against it.
            site.take_log(anew or site.open_log())
        if decisions and sound:
            result.findings += _audited(site)
        if files and sound:
            result.findings += _of_files(site)
        if anew is not None:
            result.findings += _differences(site, anew, result.findings)
        _show(site, result, file, json, _source(site, full))
        return CLEAN if result.clean else FINDINGS


def _of_the_whole(
    site: Site, file: Path | None, log_id: str | None, full: bool, files: bool, json: bool
) -> list[Finding]:
    """What the whole log's verification finds with what was given beside a therapy: it needs every record."""
    pinned = (log_id or site.log_id).strip().lower()
    with _read_anew(site) if full and site.kafka else nullcontext(None) as anew:
        result = _judged(site, anew, pinned, file, json)
        if files and result.clean:
            result.findings += _of_files(site)
        if anew is not None:
            result.findings += _differences(site, anew, result.findings)
    return result.findings


def _of_files(site: Site) -> list[Finding]:
    """Which raw files are missing or altered, and which give other figures than those that were signed."""
    from console.files import Files, against_log
    from console.loggers import recomputed

    return [*against_log(Files(site.folder), site.desk()), *recomputed(Files(site.folder), site.desk())]


def _judged(site: Site, anew: EventLog | None, pinned: str, file: Path | None, json: bool) -> Verification:
    """Every record judged again, whatever has become of the file around it."""
    from events.verify import verify as judge_again

    note, unusable = _note(file)
    evidence, followed = (anew.evidence(), None) if anew is not None else site.evidence()
    try:
        progress = None if json or not sys.stderr.isatty() else _progress
        result = judge_again(evidence, pinned, note, *([progress] if progress else []))
        if progress:
            print("\r\x1b[K", end="", file=sys.stderr)
    finally:
        evidence.close()
    if followed is not None:
        says = f"the local copy cannot be followed to the log's end: {followed.says} {followed.advice}"
        result.findings.append(Finding("copy", says))
    if unusable is not None:
        # A checkpoint that is none takes nothing from what was found without it.
        if result.clean:
            raise unusable
        result.findings.append(Finding("checkpoint", unusable.says))
    return result


def _source(site: Site, full: bool) -> str:
    if site.kafka is None:
        return "the log's file"
    return "the brokers, from the first record on" if full else "the local copy, followed to the log's end"


@contextmanager
def _read_anew(site: Site) -> Iterator[EventLog]:
    """The whole log, fetched from the brokers into a copy that lives as long as this verification."""
    from console.where import open_log

    with tempfile.TemporaryDirectory(prefix="verify-", dir=site.folder) as folder:
        log = open_log(site.folder, site.kafka, None, copy=Path(folder) / "anew.db")
        try:
            yield log
        finally:
            log.close()


def _differences(site: Site, log: EventLog, found: list[Finding]) -> list[Finding]:
    """Where the local copy says otherwise than what it is a copy of: what this site said of those records is not so.

    Args:
        found: in the log itself; what is found in the copy beside that is the copy's own.
    """
    from events.verify import verify as judge_again

    otherwise = (
        "this site's local copy holds another record or verdict here; what it said of it is not so. Move copy.db away"
    )
    try:
        evidence = Evidence(site.folder / COPY, log.place)
    except UnbrokenError as problem:
        return [Finding("copy", f"the local copy cannot be read, move copy.db away: {problem.says}")]
    with closing(evidence):
        told = [Finding("copy", otherwise, position) for position in _at_odds(log, evidence)]
        known = {finding.position for finding in told}
        theirs = {(one.kind, one.position, one.says) for one in found}
        for one in judge_again(evidence, log.id).findings:
            if (one.kind, one.position, one.says) not in theirs and (one.position is None or one.position not in known):
                told.append(
                    replace(one, kind="copy", says=f"this site's local copy, move copy.db away: {one.kind}: {one.says}")
                )
    return told


def _at_odds(log: EventLog, copy: Evidence) -> list[int]:
    """Positions at which the copy has another record, link or refusal than the log."""
    ours, found = log.read(), []
    one = next(ours, None)
    for row in copy.rows():
        while one is not None and one.position < row.position:
            one = next(ours, None)
        if one is None or one != Stored(row.position, row.value or b"", row.link, row.refused):
            found.append(row.position)
    return found


def _note(file: Path | None) -> tuple[Note | None, Refused | None]:
    """The checkpoint of a file, whose signature is still to be verified; or why there is none in it."""
    if file is None:
        return None, None
    try:
        # Bytes, and not lines as this system ends them: a note's lines end in one line feed.
        return read_note(bytes_of(file).decode("utf-8")), None
    except UnicodeDecodeError as problem:
        says = f"{file} cannot be read ({problem})."
    except Refused as problem:
        if problem.rule != "file.readable":
            return None, problem
        says = problem.says
    advice = "Name a checkpoint as `unbroken checkpoint` wrote it."
    return None, Refused("verify.checkpoint", says, values={"file": file}, advice=advice)


def _progress(done: int) -> None:
    print(f"\r{done} records", end="", file=sys.stderr, flush=True)


def _audited(site: Site) -> list[Finding]:
    from protocol.audit import audit_all

    return audit_all(site.desk(), site.now())


def _show(site: Site, result: Verification, checkpoint: Path | None, json: bool, source: str) -> None:
    if json:
        as_json(
            {
                "verdict": "clean" if result.clean else "findings",
                "log": result.log,
                "size": result.size,
                "accepted": result.accepted,
                "refused": result.refused,
                "read_from": source,
                "root": result.root.hex(),
                "tail": result.tail,
                "findings": [finding.as_dict() for finding in result.findings],
            }
        )
        return
    line(f"Log {result.log}: {result.size} records judged again, {result.accepted} accepted.")
    line(f"Read from: {source}.")
    if result.refused:
        line(f"{result.refused} were refused when they came, and are again: they stand in the log and change nothing.")
    if fallen := one_look.fallen(result.findings):
        line(f"{fallen} DO NOT STAND. They change nothing here, and those that were built on them fall with them.")
    line(f"Root over all of them: {result.root.hex()}")
    line(f"Tail: {result.tail}.")
    one_look.say(result.findings)
    if result.clean:
        line(
            "CLEAN: every record stands."
            + ("" if checkpoint else " Without a checkpoint a tail that was cut off cannot be seen.")
        )


def checkpoint(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; checkpoints/ in the site, if left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a signed checkpoint: three lines that prove how long the log was and what stood in it.

    Keep it outside this computer. `unbroken verify --checkpoint FILE` then proves that nothing was cut off or changed.

    Example: unbroken checkpoint --out /media/usb/checkpoint.txt
    """
    site = here.site()
    if out is not None:
        refuse_place(out)
    written = site.write_checkpoint(out)
    note = written.read_text(encoding="utf-8")
    if json:
        as_json({"file": str(written), "note": note})
        return
    as_it_is(note)
    line(f"Written to {written}. Keep a copy outside this computer.")

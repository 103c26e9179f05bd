"""Raw files that the log names by hash: keep them, fetch a copy, see which are here and unaltered."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from console import here, one_look
from console.files import Files, against_log
from console.given import refuse_place
from console.options import Json
from console.show import as_json, line, table
from events.errors import Refused


def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files; a copy of each is kept.")],
    json: Json = False,
) -> None:
    """Keep a copy of raw files under their SHA-256: a logger's export, a scan of a paper form, a freeze curve.

    The name of the file is not kept. A value of type file takes the hash: --read curve=@FILE keeps and enters it in one.

    Example: unbroken file add curve.pdf
    """
    room = Files(here.site().folder)
    kept = [(path, room.keep_file(path)) for path in files]
    if json:
        as_json(
            [{"file": str(path), "sha256": one.sha256, "bytes": one.size, "new": not one.before} for path, one in kept]
        )
        return
    for path, one in kept:
        line(f"{one.sha256}  {path}{' (kept before)' if one.before else ''}")


def show(
    file: Annotated[str, typer.Argument(metavar="SHA256", help="The file's hash, or its first 8 characters or more.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write a copy of it there.")] = None,
    json: Json = False,
) -> None:
    """Show what is known of a raw file: whether it is here and unaltered, and which records name it.

    Example: unbroken file show 3f9a51c2 --out curve.pdf
    """
    from protocol.raw_files import files_of_log

    site = here.site()
    room = Files(site.folder)
    sha256 = room.called(file)
    standing = room.look(sha256)
    if out is not None:
        _write(room.read(sha256), out)
    named = [one for one in files_of_log(site.desk()) if one.sha256 == sha256]
    size = room.path(sha256).stat().st_size if standing != "missing" else None
    if json:
        as_json({"sha256": sha256, "standing": standing, "bytes": size, "named": [one._asdict() for one in named]})
        return
    line(f"{sha256}: {standing}{f', {size:,} bytes' if size is not None else ''}")
    table(
        ["therapy", "record", "what"],
        [[one.therapy, str(one.position), one.what] for one in named],
        "Named by",
        "No record names it.",
    )
    if out is not None:
        line(f"Copied to {out}.")


def _write(data: bytes, out: Path) -> None:
    refuse_place(out)
    if out.exists():
        raise Refused(
            "file.exists", f"{out} exists.", values={"file": out}, advice="Name another file; nothing is overwritten."
        )
    making = out.with_name(out.name + ".making")
    try:
        making.write_bytes(data)
        shutil.move(making, out)
    finally:
        making.unlink(missing_ok=True)


def verify(json: Json = False) -> None:
    """Verify the raw files: which of those that the log names are here, missing, or altered. Exit 1 if any is not as it should be.

    Every temperature log whose file is here is computed again, and must give the figures that were signed.

    Example: unbroken file verify
    """
    from console.loggers import recomputed
    from protocol.raw_files import files_of_log

    site = here.site()
    room, desk = Files(site.folder), site.desk()
    findings = against_log(room, desk) + recomputed(room, desk)
    named = {one.sha256 for one in files_of_log(desk)}
    if json:
        as_json({
            "verdict": "findings" if findings else "clean",
            "named": len(named),
            "kept": sum(1 for _ in room),
            "findings": [finding.as_dict() for finding in findings],
        })  # fmt: skip
    else:
        one_look.say(findings)
        line(f"{len(named)} raw files are named in the log; {sum(1 for _ in room)} are kept here.")
        if not findings:
            line("CLEAN: each of them is here, and has the bytes that were signed for.")
    raise typer.Exit(one_look.FINDINGS if findings else one_look.CLEAN)


__all__ = ["add", "show", "verify"]

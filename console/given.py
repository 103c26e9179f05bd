"""A file that a person names: opened where it is one, read in one place, and refused in words where it is none."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from events import writing
from events.errors import Refused

LARGEST_TEXT = 1024 * 1024
"""Bytes of the largest text that is read as one: an act file, a people file, a list of scans."""
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""What the shell hands over, as in ``--passphrase-file <(...)``: a pipe that somebody writes into."""


def unreadable(path: Path | str, why: str) -> Refused:
    """The refusal of a file that cannot be read."""
    return Refused(
        "file.readable",
        f"{_shown(path)} cannot be read ({why}).",
        values={"file": _shown(path)},
        advice="Check the path and who may read it; nothing was recorded.",
    )


def _shown(path: Path | str) -> str:
    text = str(path)
    return text if len(text) <= 200 else text[:197] + "..."


def opened(path: Path) -> BinaryIO:
    """A file that is there, for reading.

    Raises:
        Refused: there is none, it may not be read, or it is a folder, a device, or a pipe that would hold everything up.
    """
    handed = str(path).startswith(_HANDED_OVER)
    try:
        # Without waiting: a pipe that nobody writes into must not hold a person up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | (0 if handed else os.O_NONBLOCK))
    except (OSError, ValueError) as problem:
        raise unreadable(path, getattr(problem, "strerror", None) or "no path") from None
    kind = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(kind) or (handed and stat.S_ISFIFO(kind))):
        os.close(descriptor)
        raise unreadable(path, "a folder" if stat.S_ISDIR(kind) else "no file, but a device or a pipe")
    return os.fdopen(descriptor, "rb")


def bytes_of(path: Path, most: int = LARGEST_TEXT) -> bytes:
    """The bytes of a file.

    Raises:
        Refused: see `opened`; or it is larger than `most` bytes.
    """
    with opened(path) as file:
        try:
            data = file.read(most + 1)
        except OSError as problem:
            raise unreadable(path, problem.strerror or "it breaks off") from None
    if len(data) > most:
        raise Refused(
            "file.size",
            f"{_shown(path)} has more than {most:,} bytes.",
            values={"file": _shown(path), "most": most},
            advice="Take the right file; nothing was recorded.",
        )
    return data


def text_of(path: Path | str, *, secret: bool = False) -> str:
    """The text of a file, or of standard input for ``-``.

    Args:
        secret: a passphrase: any character may be in it.

    Raises:
        Refused: see `bytes_of`; or it is not UTF-8, or holds a character that hides, naming it and its line.
    """
    try:
        if str(path) == "-":
            text = sys.stdin.read(LARGEST_TEXT + 1)
            text.encode()
        else:
            text = bytes_of(Path(path)).decode("utf-8-sig")
    except UnicodeError as problem:
        at = problem.start if isinstance(problem, UnicodeDecodeError | UnicodeEncodeError) else 0
        raise _not_text(path, f"byte {at} is not UTF-8", "Save the file as UTF-8.") from None
    if len(text) > LARGEST_TEXT:
        raise _not_text(path, f"it has more than {LARGEST_TEXT:,} characters", "Take the right file.")
    if not secret:
        refuse_hidden_lines(path, text)
    return text


def refuse_hidden_lines(path: Path | str, text: str) -> None:
    """A text in which nothing hides, line by line.

    Raises:
        Refused: naming the line, the character and its place in the line.
    """
    for place, character in writing.hidden(text, "\t\n\r"):
        number, start = text.count("\n", 0, place) + 1, text.rfind("\n", 0, place - 1)
        why = f"line {number} holds {writing.named(character)} at place {place - start - 1}"
        raise _not_text(path, why, "Take it out: what is not seen is not read by anybody else.")


def _not_text(path: Path | str, why: str, advice: str) -> Refused:
    name = "Standard input" if str(path) == "-" else _shown(path)
    return Refused("input.form", f"{name}: {why}.", values={"file": name}, advice=f"{advice} Nothing was recorded.")


def refuse_place(path: Path) -> None:
    """A file may be written there: there is none, or one that is a file, in a folder that is there. Asked before anybody signs.

    Raises:
        Refused: `file.writable`; it is a folder, a device or a pipe, or the folder is not there.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        why = "" if path.parent.is_dir() else "there is no such folder"
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "no path"
    else:
        why = "" if stat.S_ISREG(there.st_mode) else "it is no file, but a folder, a device or a pipe"
    if why:
        raise Refused(
            "file.writable",
            f"{_shown(path)} cannot be written: {why}.",
            values={"file": _shown(path)},
            advice="Name a file in a folder that is there; nothing was recorded.",
        )

"""A study's file as it lies in a folder, with the dictionary of adverse events that it names beside it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from console.given import bytes_of
from events.errors import Refused
from protocol.file import decode, own_dictionary


class StudyFile(NamedTuple):
    """The text of a study, that of its own dictionary (empty where it names none), and how errors call the file."""

    text: str
    terms: str
    name: str


def read_study(path: Path) -> StudyFile:
    """Read a study's file, and the dictionary that it names by a path below its own folder.

    Raises:
        Refused: one of them is too long or not UTF-8, or there is no such dictionary.
    """
    text = decode(bytes_of(path), str(path))
    named = own_dictionary(text)
    below = (
        named is not None
        and not PurePosixPath(named.file).is_absolute()
        and ".." not in PurePosixPath(named.file).parts
    )
    if named is None or not below:  # a path that leads elsewhere is told with its line, when the study is checked
        return StudyFile(text, "", str(path))
    beside = path.parent / named.file
    try:
        data = bytes_of(beside)
    except Refused as problem:
        raise Refused(
            "protocol.dictionary",
            f"{path} names the dictionary {named.file}, which is no such file: {problem.says}",
            values={"file": str(path), "dictionary": named.file},
            advice="Put the file there; the study names it by a path that begins in its own folder.",
        ) from None
    return StudyFile(text, decode(data, str(beside)), str(path))

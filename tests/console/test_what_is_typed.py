"""Whatever stands behind whichever option: it is kept in one form, or refused in words. Never a fault, never half a record."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

import console.catalogue
import events.keys
from console.catalogue import every_command
from events import writing
from tests.console.cli import ANNA, NURSE, Cli, phrase
from tests.console.test_help import command


class Typed(NamedTuple):
    """What is typed, in words; and whether no option of any command may take it."""

    says: str
    text: str
    never: bool = False


TYPED = [
    Typed("a right-to-left override", "ab\u202ecd", never=True),
    Typed("a zero width space", "ab\u200bcd", never=True),
    Typed("an escape", "ab\x1b[2Jcd", never=True),
    Typed("a NUL", "ab\x00cd", never=True),
    Typed("a letter that shows nothing", "\u3164", never=True),
    Typed("a tag", "ab\U000e0041cd", never=True),
    Typed("a line separator", "ab\u2028cd", never=True),
    Typed("a byte that is not UTF-8", "ab\udcffcd", never=True),
    Typed("100,000 characters", "x" * 100_000, never=True),
    Typed("a number of 5,000 digits", "9" * 5000, never=True),
    Typed("blanks", "   "),
    Typed("nothing", ""),
    Typed("a line feed in the middle", "ab\ncd"),
    Typed("a picture", "\N{SLIGHTLY SMILING FACE}"),
    Typed("digits of full width", "\uff11\uff12\uff13"),
    Typed("digits of another script", "\u0663\u0664"),
    Typed("a number beyond every number", "1e999"),
    Typed("no number", "NaN"),
    Typed("minus nothing", "-0"),
    Typed("the year 0", "0000-01-01T00:00"),
    Typed("the first moment of the calendar", "0001-01-01T00:00+14:00"),
    Typed("the last moment of the calendar", "9999-12-31T23:59-12:00"),
    Typed("the year 10000", "10000-01-01T00:00"),
    Typed("a folder", "/tmp"),
    Typed("an endless device", "/dev/zero"),
    Typed("a pipe that nobody writes into", "PIPE"),
    Typed("a path in a file", "/etc/passwd/x"),
]
ONE_IN = 4
"""Each option of each command meets every fourth of these, and the next command's begins at the next one; what many
commands share (who signs, the reason, the file of the passphrase) meets them all many times."""
RUNS_LONG = {("demo",), ("driver", "run"), ("projector", "run")}
COMMANDS = [words for words in every_command() if words not in RUNS_LONG]


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Parsers and unlocked keys are made once; what is tested is what they are given."""
    with pytest.MonkeyPatch.context() as patch:
        application, parser = console.catalogue.application, typer.main.get_command
        patch.setattr(console.catalogue, "application", lambda first: first)
        patch.setattr(typer.main, "get_command", lru_cache(lambda first: parser(application(first))))
        patch.setattr("events.kafka.client.CONNECT_MS", 50)  # nobody answers at the examples' brokers
        patch.setattr("console.keyring.open_signer", lru_cache(events.keys.open_signer))
        yield


@pytest.fixture(scope="module")
def site(grown: Path, tmp_path_factory: pytest.TempPathFactory, quick: None) -> Cli:
    """One site for all lines."""
    folder = tmp_path_factory.mktemp("typed") / "site"
    shutil.copytree(grown, folder)
    os.mkfifo(folder.parent / "pipe")
    return Cli(folder, {"UNBROKEN_NEW_PASSPHRASE": phrase("ward.nurse.1")})


def example(words: tuple[str, ...]) -> list[str]:
    """The words after the command in the example of its help, on a therapy of this site."""
    (line,) = [
        text.strip() for text in (command(words).help or "").splitlines() if text.strip().startswith("Example: ")
    ]
    rest = shlex.split(line.removeprefix("Example: ").partition(" > ")[0])[len(words) + 1 :]
    return [ANNA.therapy if word == "T-7K2QXM" else word for word in rest]


def lines(words: tuple[str, ...]) -> Iterator[tuple[str, Callable[[str], list[str]]]]:
    """For each option and argument the example's line, with what is typed in its place."""
    found, usual = command(words), example(words)
    parser = found.make_parser(found.make_context(" ".join(words), list(usual)))
    given, _, _ = parser.parse_args(args=list(usual))
    options = [
        p for p in found.params if p.opts[0].startswith("-") and not getattr(p, "is_flag", False) and p.name != "help"
    ]
    arguments = [p for p in found.params if not p.opts[0].startswith("-")]
    known = {p.name: _spelled(given.get(p.name)) for p in (*arguments, *options)}
    flags = [w for w in usual if w in {o for p in found.params if getattr(p, "is_flag", False) for o in p.opts}]
    for changed in (*arguments, *options):

        def line(typed: str, changed: Any = changed) -> list[str]:
            values = {**known, changed.name: [typed]}
            named = [f"{option.opts[0]}={value}" for option in options for value in values[option.name]]
            return [*words, *flags, *named, "--", *(value for p in arguments for value in values[p.name])]

        yield changed.opts[0], line


def _spelled(value: object) -> list[str]:
    if not isinstance(value, (str, list, tuple)):
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


def tried(site: Cli, line: list[str], typed: Typed, where: str) -> None:
    """Run a line: it does what it says or is refused in words, and what it was given is nowhere printed raw."""
    signer = next((w.partition("=")[2] for w in line if w.startswith("--as=")), NURSE)
    site.environment["UNBROKEN_PASSPHRASE"] = phrase(signer if signer.isascii() and signer.isprintable() else NURSE)
    before = (site.folder / "log.db").read_bytes()
    said = site(*line)
    about = f"{where} with {typed.says}: {said.code}\n{said.out[-600:]}{said.err[-600:]}"
    unreached = {7} if line[0] in ("log", "site") else set()  # no text is the reason: the broker is
    verdict = (
        {1, 3} if line[0] == "verify" else set()
    )  # the example's log is another one; what cannot be read it cannot tell
    assert said.code in {2, 4, *verdict, *unreached, *([] if typed.never else [0])}, about
    assert "Traceback" not in said.err, about
    assert not list(writing.hidden(said.out + said.err, "\t\n")), about
    assert len(said.err) < 6000, about
    if said.code:
        assert (site.folder / "log.db").read_bytes() == before, about


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_that_is_typed_behind_any_option_is_a_fault_of_the_program(
    site: Cli, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begin = COMMANDS.index(words)
    for number, (where, line) in enumerate(lines(words), begin):
        for typed in TYPED[number % ONE_IN :: ONE_IN]:
            text = str(site.folder.parent / "pipe") if typed.text == "PIPE" else typed.text
            tried(site, line(text), typed, f"{' '.join(words)} {where}")

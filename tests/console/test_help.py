"""Help that teaches: every command says in a sentence what it does, and shows an example that the program understands."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from typer.main import get_command

from console.catalogue import application, every_command
from tests.console.cli import Cli

COMMANDS = every_command()


def command(words: tuple[str, ...]) -> Any:
    """The command behind these words."""
    found: Any = get_command(application(words[0]))
    for word in words:
        found = found.commands[word]
    return found


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_that_can_be_parsed(words: tuple[str, ...]) -> None:
    found = command(words)
    text = found.help or ""
    assert text.split("\n")[0].endswith((".", "...")) or ". " in text, "the first sentence says what it does"
    examples = [
        line.strip().removeprefix("Example: ") for line in text.splitlines() if line.strip().startswith("Example: ")
    ]
    assert len(examples) == 1, "one example"
    line = shlex.split(examples[0].partition(" > ")[0])
    assert line[: len(words) + 1] == ["unbroken", *words]
    found.make_context(" ".join(words), line[len(words) + 1 :]).close()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is_for(words: tuple[str, ...]) -> None:
    silent = [p.name for p in command(words).params if not getattr(p, "help", None)]
    assert not silent


def test_the_help_names_every_command(cli: Cli) -> None:
    said = cli("--help")
    assert said.code == 0
    for words in COMMANDS:
        assert words[0] in said.out
        assert cli(*words, "--help").code == 0
    assert "--site" in said.out

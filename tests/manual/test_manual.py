"""The manual is tested: every command that README and docs show exists, and README's day is lived through on a demo site."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manual.demo_site import ROOT, unbroken

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[str]:
    """The lines of a page's code blocks that begin with `unbroken`."""
    blocks = re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip().startswith("unbroken ")]


def words_of(command: str) -> list[str]:
    """The words that name the command: without the site, options and arguments."""
    words = shlex.split(command.split("  #")[0])[1:]
    if words[:1] == ["--site"]:
        words = words[2:]
    named = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]+", word):
            break
        named.append(word)
    return named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists(page: Path) -> None:
    """A page that shows a command which is not there would send a nurse astray."""
    for command in commands(page):
        words, shown = words_of(command), ""
        while words:
            done = subprocess.run(
                [sys.executable, "-m", "console", *words, "--help"],
                capture_output=True,
                text=True,
                cwd=ROOT,
                check=False,
            )
            if done.returncode == 0:
                shown = done.stdout
                break
            words = words[:-1]  # the last word may be an argument, such as a step's name
        assert words, command
        options = set(re.findall(r"(?<=\s)--[a-z-]+", command)) - {"--site"}
        for option in options:
            assert option in shown, f"{page.name}: {command}: no {option}"


def test_the_five_daily_things(demo_site: Path) -> None:
    """Each command of README's five daily things, in order, on a fresh demo site, with the demo's passphrases."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Five daily things") : text.index("## Run it for real")]
    lines = [line for line in section.splitlines() if line.startswith("unbroken ")]
    assert len(lines) > 8
    for line in lines:
        words = shlex.split(line)[1:]
        account = words[words.index("--as") + 1] if "--as" in words else ""
        done = unbroken(demo_site, *words, passphrase=f"demo-only-{account}")
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert os.fspath(demo_site)

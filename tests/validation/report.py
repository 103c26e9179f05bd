"""From story tests to the pages that an inspector reads: requirement, story, result.

A story file's docstring is the requirement: a heading, sentences, and a line ``Source: ...``. A test's docstring is a story.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

STORIES = Path(__file__).parents[1] / "stories"
PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
WORST = ("failed", "skipped", "passed", "not run")


@dataclass
class Story:
    """One narrated test; `results` is its outcome by the log it ran on (all its variants together)."""

    name: str
    says: str
    results: dict[str, str] = field(default_factory=dict)

    def note(self, log: str, outcome: str) -> None:
        """One variant ended: the worst of them counts."""
        self.results[log] = min(outcome, self.results.get(log, "not run"), key=WORST.index)


@dataclass
class Requirement:
    """One story file: what it is about, what is required, and by whom."""

    number: str
    heading: str
    requires: str
    source: str
    stories: dict[str, Story] = field(default_factory=dict)


class Collecting:
    """A pytest plugin that gathers requirements, stories and, where they run, results."""

    def __init__(self) -> None:
        self.found: dict[str, Requirement] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Every story, in the files' order."""
        for item in items:
            self._story(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What came of it; a failed set-up is a failure of the story."""
        if report.when == "call" or not report.passed:
            path, _, name = report.nodeid.partition("::")
            plain, _, variant = name.partition("[")
            log = next((word for word in ("kafka", "sqlite") if word in variant), "any")
            self.found[Path(path).stem].stories[plain].note(log, report.outcome)

    def _story(self, item: pytest.Item) -> None:
        assert isinstance(item, pytest.Function)
        stem, name = item.path.stem, item.originalname
        requirement = self.found.setdefault(stem, requirement_of(stem, item.module.__doc__ or ""))
        requirement.stories.setdefault(name, Story(name, one_line(inspect.getdoc(item.function) or "")))


def requirement_of(stem: str, text: str) -> Requirement:
    """A story file's docstring, read.

    Raises:
        ValueError: it names no heading, requirement or source; an inspector would ask.
    """
    text = inspect.cleandoc(text)
    body, mark, source = text.partition("\nSource:")
    heading, _, requires = body.strip().partition("\n")
    number = re.search(r"\d+", stem)
    if not (number and mark and heading and source.strip()):
        raise ValueError(f"{stem}: its docstring says heading, requirement and a line 'Source: ...'")
    return Requirement(number[0], heading.rstrip("."), one_line(requires) or heading, one_line(source))


def one_line(text: str) -> str:
    """Words on one line."""
    return " ".join(text.split())


def page(requirements: Iterable[Requirement], facts: dict[str, str]) -> str:
    """The whole report as Markdown.

    Args:
        facts: what it was run with (versions, digests), name to value.
    """
    known = sorted(requirements, key=lambda r: r.number)
    lines = [
        "# Validation",
        "",
        "Each requirement, the stories that show it, and what came of them. Every story is a test that plays the real program on a",
        "real log; `make validation` runs them all and writes this page. A story's name is the name of its test under `tests/stories/`.",
        "",
        "| what | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in facts.items()),
        "",
        "## Summary",
        "",
        "| requirement | stories | result |",
        "| --- | ---: | --- |",
        *(f"| {r.number} {r.heading} | {len(r.stories)} | {_whole(r)} |" for r in known),
    ]
    for requirement in known:
        lines += ["", *_chapter(requirement)]
    return "\n".join(lines) + "\n"


def _whole(requirement: Requirement) -> str:
    outcomes = [outcome for story in requirement.stories.values() for outcome in story.results.values()]
    return min(outcomes, key=WORST.index, default="not run")


def _chapter(requirement: Requirement) -> list[str]:
    lines = [
        f"## {requirement.number} {requirement.heading}",
        "",
        f"**Required**: {requirement.requires}",
        "",
        f"**Source**: {requirement.source}",
        "",
        "| story | test | result |",
        "| --- | --- | --- |",
    ]
    for number, story in enumerate(requirement.stories.values(), start=1):
        told = ", ".join(f"{outcome} on {log}" if log != "any" else outcome for log, outcome in _by_log(story))
        says = story.says.replace("|", "\\|")
        lines.append(f"| {requirement.number}.{number} {says} | `{story.name}` | {told or 'not run'} |")
    return lines


def _by_log(story: Story) -> list[tuple[str, str]]:
    return sorted(story.results.items(), reverse=True)  # the embedded log first

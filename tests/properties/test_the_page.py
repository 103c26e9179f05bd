"""Random commands over several patients never reach a state in which a rule of the process is broken.

The rules are held by `tests.properties.page`, which reads the log's bytes and shares no code with what it watches. Each
of them is shown to bite: a record that breaks it is signed with a lawful key past the desk, and the watch says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.contracts.backends import Sqlite
from tests.properties.histories import HISTORIES, begun, played
from tests.properties.page import RULES, Watch, patients, rules, watching
from tests.properties.plants import PLANTS
from tests.stage import Stage, Staged, stage_of

pytestmark = pytest.mark.property


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """These rules are about what is recorded, not about where: one kind of log is enough."""
    played_on = stage_of(Sqlite(), tmp_path_factory.getbasetemp())
    yield played_on
    played_on.let_go()


def watched(site: Staged) -> Watch:
    """A watch that has read the whole log."""
    watch = Watch()
    for stored in site.log.read():
        if stored.refused is None:
            watch.record(stored.value)
    return watch


@settings(
    max_examples=40,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(history=HISTORIES)
def test_no_sequence_of_commands_breaks_a_rule_of_the_process(
    stage: Stage, history: tuple[str, list[tuple[str, int, int]]]
) -> None:
    """Thirty to forty-five commands on three patients, right and wrong, by right and wrong people."""
    how, steps = history
    site = begun(stage, how)
    played(site, steps, lambda *_: None)
    assert watched(site).broken == []


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_bites(stage: Stage, rule: str) -> None:
    """A record that breaks the rule is found, and named by it; the same site without it breaks nothing."""
    site = PLANTS[rule](stage)
    records = [stored.value for stored in site.log.read() if stored.refused is None]
    watch = Watch()
    for value in records[:-1]:
        watch.record(value)
    assert rule not in {name for name, _ in watch.broken}
    watch.record(records[-1])
    assert rule in {name for name, _ in watch.broken}


def test_the_watch_shares_no_code_with_what_it_watches() -> None:
    """It imports nothing of ours but itself."""
    for module in (rules, patients, watching):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        imported = re.findall(r"^(?:from|import) (\w+)(\.\w+)*", source, re.MULTILINE)
        assert not {name for name, _ in imported} & {"events", "protocol", "projections", "flows", "console"}

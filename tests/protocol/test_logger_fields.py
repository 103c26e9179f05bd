"""What a study file may ask of a temperature log, and every mistake in it, told with line, field and reason."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from events.errors import Refused
from protocol.file import read_protocol

SMALL = (Path(__file__).parent / "studies" / "small.yaml").read_text(encoding="utf-8")
DRIVE = "    scans: {bag: blood}\n  - id: receipt\n"
LOGGER = """\
    scans: {bag: blood}
    logger:
      from: give.end
      file: raw
      fills: {low: lowest, high: highest, unknown: unknown}
      plausible: [-40, 60]
      bands:
        - {below: 2, otherwise: quarantine}
        - {above: 8, longer_than: 30 min, otherwise: quarantine}
      unknown: [{longer_than: 15 min, otherwise: deviation minor}]
      kinetic_mean: yes
      findings: deviation minor
      differs: deviation minor
      lost: quarantine
    records:
      - {name: low, unit: C, plausible: [-40, 60], limits: [{at_least: 2, otherwise: quarantine}]}
      - {name: high, unit: C, plausible: [-40, 60], limits: [{at_most: 8, otherwise: quarantine}]}
      - {name: unknown, unit: min, plausible: [0, 10000], limits: [{at_most: 15, otherwise: deviation minor}]}
      - {name: raw, type: file, optional: true}
  - id: receipt
"""


class Wrong(NamedTuple):
    """One mistake: what is written instead of what, and what is told: the field, the reason."""

    words: str
    right: str
    wrong: str
    field: str
    reason: str


WRONG = [
    Wrong("an unknown field", "findings:", "finding:", "logger.finding", "did you mean findings?"),
    Wrong(
        "no bands",
        "      bands:\n        - {below: 2, otherwise: quarantine}\n        - {above: 8, longer_than: 30 min, otherwise: quarantine}\n",
        "",
        "logger.bands",
        "is missing",
    ),
    Wrong("both sides at once", "{below: 2,", "{below: 2, above: 9,", "logger.bands[0]", "say above or below"),
    Wrong(
        "neither side",
        "{below: 2, otherwise: quarantine}",
        "{otherwise: quarantine}",
        "logger.bands[0]",
        "say above or below",
    ),
    Wrong(
        "a bound beyond what is plausible",
        "{below: 2, otherwise",
        "{below: -50, otherwise",
        "logger.bands[0]",
        "outside the plausible range",
    ),
    Wrong(
        "two lengths",
        "longer_than: 30 min",
        "longer_than: 30 min, run_longer_than: 5 min",
        "logger.bands[1]",
        "not both",
    ),
    Wrong(
        "months", "longer_than: 30 min", "longer_than: 1 month", "logger.bands[1].longer_than", "no number of minutes"
    ),
    Wrong(
        "a refusal of what has happened",
        "{below: 2, otherwise: quarantine}",
        "{below: 2, otherwise: refuse}",
        "logger.bands[0].otherwise",
        "it refuses nothing",
    ),
    Wrong(
        "no range of temperatures",
        "      plausible: [-40, 60]\n      bands",
        "      plausible: [60, -40]\n      bands",
        "logger.plausible",
        "is no range",
    ),
    Wrong(
        "a range beyond the value's",
        "      plausible: [-40, 60]\n      bands",
        "      plausible: [-90, 60]\n      bands",
        "logger.plausible",
        "goes beyond the range of low",
    ),
    Wrong("a moment that comes later", "from: give.end", "from: make.end", "logger.from", "does not come before drive"),
    Wrong(
        "an end that comes later",
        "file: raw\n",
        "file: raw\n      until: make.end\n",
        "logger.until",
        "does not come before drive",
    ),
    Wrong("no such record for the file", "file: raw\n", "file: rew\n", "logger.file", "did you mean raw?"),
    Wrong("a file that is a number", "file: raw\n", "file: low\n", "logger.file", "is of type number"),
    Wrong(
        "a file that is called late",
        "type: file, optional: true",
        "type: file, late: true",
        "logger.file",
        "needs no `late`",
    ),
    Wrong("a figure for no record", "{low: lowest,", "{lo: lowest,", "logger.fills.lo", "there is no record 'lo'"),
    Wrong("a figure of none", "low: lowest", "low: coldest", "logger.fills.low", "none of file, lowest"),
    Wrong(
        "a figure in another unit",
        "name: unknown, unit: min",
        "name: unknown, unit: h",
        "logger.fills.unknown",
        "unknown is in min; unknown is in h",
    ),
    Wrong(
        "a limit that no band has",
        "{below: 2, otherwise",
        "{below: 1, otherwise",
        "logger.fills.low",
        "a limit that no band",
    ),
    Wrong(
        "a limit of the unknown that the log has not",
        "unknown: [{longer_than: 15 min",
        "unknown: [{longer_than: 20 min",
        "logger.fills.unknown",
        "a limit that no band",
    ),
    Wrong(
        "a kinetic mean of nothing asked for",
        "kinetic_mean: yes",
        "source: nobody",
        "logger.fills.high",
        "no kinetic_mean",
    ),
    Wrong(
        "a kinetic mean of frozen cells",
        "{below: 2, otherwise",
        "{below: 2, otherwise",
        "logger.kinetic_mean",
        "frozen material",
    ),
    Wrong("a consequence that is none", "lost: quarantine", "lost: pity", "logger.lost", "is no consequence"),
    Wrong("an offer of no step", "lost: quarantine", "lost: offer tea", "logger.lost", "there is no step 'tea'"),
]


def study(logger: str) -> str:
    assert SMALL.count(DRIVE) == 1
    return SMALL.replace(DRIVE, logger)


def test_a_study_may_ask_for_a_temperature_log() -> None:
    asked = read_protocol(study(LOGGER)).by_id["drive"].logger
    assert asked is not None
    assert [(band.side, str(band.bound)) for band in asked.bands] == [("below", "2"), ("above", "8")]
    assert asked.kinetic_mean is not None
    assert str(asked.kinetic_mean.activation_energy) == "83.144"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.words)
def test_each_mistake_is_told_with_its_field(wrong: Wrong) -> None:
    assert wrong.right in LOGGER
    text = LOGGER.replace(wrong.right, wrong.wrong, 1)
    if wrong.words == "a kinetic mean of frozen cells":
        text = text.replace("{above: 8,", "{above: -20,").replace("at_most: 8", "at_most: 60")
    if wrong.words == "a kinetic mean of nothing asked for":
        text = text.replace("high: highest", "high: kinetic_mean")
    with pytest.raises(Refused) as caught:
        read_protocol(study(text), "small.yaml")
    problems = caught.value.values["problems"]
    assert isinstance(problems, list)
    told = [p for p in problems if p["field"].endswith(wrong.field) and wrong.reason in p["reason"]]
    assert told, caught.value.says
    assert told[0]["line"] > 78


@pytest.mark.parametrize("kind", ["hand_over"])
def test_only_some_kinds_have_one(kind: str) -> None:
    text = study(LOGGER).replace("    kind: transport\n", f"    kind: {kind}\n", 1)
    with pytest.raises(Refused) as caught:
        read_protocol(text, "small.yaml")
    assert "only a step of kind transport or receipt or process has it" in caught.value.says

"""Whatever people try in whatever order, a release by exception has its signatures in the order of the process page.

What stands in the log is read here as plain JSON, by a few lines that share no code with the rulebook.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events.errors import Refused
from protocol.audit import audit
from protocol.commands import (
    AcceptException,
    AnyCommand,
    AssessDeviation,
    AuthoriseRetest,
    Correct,
    EvaluateException,
    InvalidateResult,
    InvestigateDeviation,
    RequestException,
    WithdrawException,
)
from protocol.reader import Reader
from tests.stage import ANNA, Stage, Staged

pytestmark = pytest.mark.property
QA, OTHER_QA, PHYSICIAN, OTHER_PHYSICIAN = "qa.releaser.1", "qa.releaser.2", "physician.1", "physician.2"
DOCTORED = "doctored"
"""An account by which the first person of QA is a physician as well."""
WHO = st.sampled_from([QA, OTHER_QA, PHYSICIAN, OTHER_PHYSICIAN, DOCTORED, "operator.1"])
CHAIN = ["investigate", "assess", "request", "evaluate", "accept"]
# Mostly the right people: the order is what is tried. A chain in any order, a release tried after it, and disturbances.
ANYBODY = st.one_of(*[st.none()] * 7, WHO)
PART = st.one_of(
    st.permutations(CHAIN),
    st.just(CHAIN),
    st.lists(st.sampled_from(["correct", "other", "retest", "test", "invalidate", "withdraw", "release"]), max_size=2),
)
ACTS = st.lists(PART, min_size=2, max_size=4).flatmap(
    lambda parts: st.tuples(*[st.tuples(st.just(act), ANYBODY) for part in parts for act in [*part, "release"]])
)
RIGHT = {
    "investigate": QA, "request": PHYSICIAN, "evaluate": QA, "accept": OTHER_PHYSICIAN, "release": OTHER_QA,
    "correct": "qc.analyst.1", "other": "qc.analyst.1", "retest": QA, "test": "qc.analyst.1", "invalidate": OTHER_QA,
    "withdraw": PHYSICIAN, "assess": QA,
}  # fmt: skip


def failed(site: Staged) -> None:
    """Viability failed; QA is to decide."""
    site.play(ANNA, "test_viability")
    site.do("test_viability", values={"viability": "55 %"})
    site.play(ANNA, "disposition")
    site.hire(site.person(QA), DOCTORED, "physician", "qa_releaser")


def attempt(site: Staged, what: str, by: str, number: int) -> None:
    """One thing that somebody tries."""
    therapy = site.now
    code = list(therapy.exceptions)[-1] if therapy.exceptions else "X-1"
    deviations = [d.code for d in therapy.deviations.values() if d.investigation is None] or ["D-1"]
    found: dict[str, Any] = {"deviation": deviations[0], "root_cause": "seen"}
    cause = "laboratory_error" if number % 2 else "process"
    commands: dict[str, AnyCommand] = {
        "investigate": InvestigateDeviation.model_validate({**found, "cause": cause}),
        "assess": AssessDeviation(deviation=deviations[0], impact="none"),
        "request": RequestException(reason="no other therapy"),
        "evaluate": EvaluateException(exception=code, risks="fever"),
        "accept": AcceptException(exception=code, statement="known"),
        "withdraw": WithdrawException(exception=code, reason="not now"),
        "retest": AuthoriseRetest(step="test_viability", reason="clogged"),
        "invalidate": InvalidateResult(step="test_viability", deviation="D-1", reason="dilution"),
        "correct": Correct(step="test_viability", reading="viability", value=f"{40 + number % 45} %", why="misread"),
        "other": Correct(step="test_phenotype", reading="cd3", value=f"{70 + number % 25} %", why="misread"),
    }
    if what == "release":
        site.perform("disposition", by=by, decision="released")
    elif what == "test":
        site.perform("test_viability", by=by, values={"viability": f"{50 + number % 45} %"})
        site.witness()
    else:
        site.act(commands[what], by)


@settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(acts=ACTS)
def test_no_order_of_signatures_but_the_right_one_releases(
    stage: Stage, acts: tuple[tuple[str, str | None], ...]
) -> None:
    """Random acts by random people: a failing product is released only after the whole chain, on results that stand."""
    site = stage.of("exception, failed", failed)
    for number, (what, by) in enumerate(acts):
        try:
            attempt(site, what, by or RIGHT[what], number)
        except Refused:
            continue
    records = [payload(stored.value) for stored in site.log.stream("therapy/T-1")]
    check_releases(records)
    assert audit(Reader(site.log), "T-1") == []


def test_the_right_order_releases(stage: Stage) -> None:
    """What the property looks at does happen: in the right order the failing product is released by exception."""
    site = stage.of("exception, failed", failed)
    for number, what in enumerate(["investigate", "assess", "request", "evaluate", "accept", "release"]):
        if what == "assess":
            site.act(AssessDeviation(deviation="D-1", impact="none"), QA)
        else:
            attempt(site, what, RIGHT[what], number)
    records = [payload(stored.value) for stored in site.log.stream("therapy/T-1")]
    assert check_releases(records) == 1


# ------------------------------------------------------------------ a second pair of eyes


def payload(value: bytes) -> dict[str, Any]:
    """What a record says, from its bytes."""
    data: dict[str, Any] = json.loads(base64.b64decode(json.loads(value)["payload"]))["data"]
    return data


def check_releases(records: list[dict[str, Any]]) -> int:
    """Walk back from each release by exception: acceptance, evaluation, request, investigation, and nothing between.

    Returns:
        How many releases by exception there are.
    """
    count = 0
    for number, record in enumerate(records):
        first = record["facts"][0]
        if not first["fact"].startswith("disposition.decided") or first["decision"] != "released":
            continue
        failing = {c["name"] for c in first.get("criteria", []) if c["verdict"] == "failed"}
        assert set(first.get("excepted", [])) == failing, "each criterion that fails is named"
        if not failing:
            assert "exception" not in first
            continue
        count += 1
        check_chain(records[:number], record, first["exception"], failing)
        told = [f for f in record["facts"] if f["fact"].startswith("alert.raised")]
        assert [f["roles"] for f in told] == [["safety_officer"]], "the sponsor is told in the same record"
    return count


def check_chain(before: list[dict[str, Any]], release: dict[str, Any], exception: str, failing: set[str]) -> None:
    """The chain of one release."""
    at: dict[str, int] = {}
    persons: dict[str, str] = {}
    changed = investigated = -1
    for number, record in enumerate(before):
        for fact in record["facts"]:
            name = fact["fact"].rpartition(".v")[0]
            if fact.get("exception") == exception and name.startswith("exception."):
                at[name.removeprefix("exception.")] = number
                persons[name.removeprefix("exception.")] = record["person"]
                if name == "exception.requested":
                    assert {c["name"] for c in fact["criteria"]} == failing
            if name == "deviation.investigated":
                investigated = number if "requested" not in at else investigated
            about = fact.get("key", {}).get("step", "")
            if (
                name in ("sample.tested", "fact.corrected", "act.witnessed", "result.invalidated")
                and about == "test_viability"
            ):
                changed = number
    assert investigated != -1, "somebody investigated"
    assert "withdrawn" not in at
    assert investigated < at["requested"] < at["evaluated"] < at["accepted"], "in this order"
    if failing == {"viability"}:
        assert changed < at["requested"], "no result of it came after the request"
    assert persons["requested"] != persons["evaluated"] != persons["accepted"]
    assert release["person"] not in persons.values()

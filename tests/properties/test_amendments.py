"""Properties of amendments: whatever happens around a move, each record is signed and judged under the version in force for it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events.errors import Refused
from events.facts.amendments import AmendmentDecided, AmendmentProposed
from events.reading import Record
from projections.rows import rows_of
from protocol.audit import audit
from protocol.commands import DecideAmendment, ProposeAmendment
from protocol.evolve import fold
from protocol.reader import Reader
from protocol.state import Therapy
from tests.properties.histories import PATIENTS, History, begun, later_version, played
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property
KINDS = (
    ["next"] * 8
    + ["witness"] * 8
    + ["amend"] * 6
    + ["correct"] * 3
    + ["late"] * 2
    + ["label", "system", "wait", "any step"]
)
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, len(PATIENTS) - 1), st.integers(0, 2**20)),
    min_size=10,
    max_size=25,
)


@settings(
    max_examples=6,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(how=st.sampled_from(["collected", "made", "treated"]), before=STEPS, after=STEPS)
def test_a_history_with_moves_folds_identically_under_replay_and_audit(
    stage: Stage, how: str, before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    """Therapies are moved in the middle of random histories; another process that reads the log alone comes to the same."""
    site = begun(stage, how)
    moved_all(site)
    assert any(site.therapy(patient).moves for patient in PATIENTS), "a therapy that stands still can be moved"
    for steps in (before, after):
        played(site, steps, lambda _history, _number: None)
        moved_all(site)
    check(site)


def moved_all(site: Staged) -> None:
    """Each therapy is moved to the next version, where nothing stands in the way."""
    for number in ("2", "3"):
        site.desk.adopt(later_version(number), site.sits("quality.1"))
    for patient in PATIENTS:
        therapy = site.therapy(patient)
        history = History(site)
        try:
            to = str(len(therapy.versions) + 1)
            history.act(patient, ProposeAmendment(to=to, reason="approved"), "investigator.1")
            code = list(site.therapy(patient).amendments)[-1]
            decide = DecideAmendment(amendment=code, decision="approved", reason="reviewed")
            history.act(patient, decide, "qa.releaser.1")
        except Refused:
            continue


def check(site: Staged) -> None:
    """Each record names the version in force for it, the audit finds nothing, and a fresh fold and its views agree."""
    fresh = Reader(site.log)
    for patient in PATIENTS:
        records, name = site.records(patient), patient.therapy
        if not records:
            continue
        check_versions(records, name)
        assert audit(fresh, name) == []
        again = fold(Therapy(id=name), records)
        assert again == site.therapy(patient) == fresh.therapy(name)
        assert rows_of(again, fresh.protocol_of(again)) == rows_of(again, site.desk.protocol_of(site.therapy(patient)))


def check_versions(records: list[Record], name: str) -> None:
    """Read plainly: the version of the opening, until an approval; then the one that was proposed."""
    in_force, proposed = records[0].statement.protocol, dict[str, str]()
    for record in records:
        if record.statement.subject == f"therapy/{name}":
            assert record.statement.protocol == in_force
        for fact in record.facts:
            if isinstance(fact, AmendmentProposed) and fact.therapy == name:
                proposed[fact.amendment] = fact.digest
            elif isinstance(fact, AmendmentDecided) and fact.therapy == name and fact.decision == "approved":
                in_force = proposed[fact.amendment]

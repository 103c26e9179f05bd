"""Can this site's people staff this protocol? Told before the first patient, not at the bedside."""

from __future__ import annotations

from pathlib import Path

from protocol.check import staffing_gaps
from protocol.file import read_protocol

STUDY = read_protocol((Path(__file__).parent / "studies" / "small.yaml").read_text())
People = dict[str, tuple[str, frozenset[str]]]


def people(**accounts: str) -> People:
    """``ann="P-1 nurse doctor"``: account, person, roles."""
    return {name: (told.split()[0], frozenset(told.split()[1:])) for name, told in accounts.items()}


ENOUGH = people(
    ann="P-1 doctor", ben="P-2 nurse", cho="P-3 nurse", dan="P-4 driver", eve="P-5 maker", fay="P-6 maker",
    gil="P-7 tester", hal="P-8 qa", ida="P-9 qa",
)  # fmt: skip


def test_a_site_with_two_people_for_every_pair_has_no_gaps() -> None:
    assert staffing_gaps(STUDY, ENOUGH) == []


def test_a_role_that_nobody_holds_is_told_with_the_steps_that_need_it() -> None:
    without = {name: one for name, one in ENOUGH.items() if name != "dan"}
    assert staffing_gaps(STUDY, without) == ["Nobody is driver; that is asked for by give, drive."]


def test_two_accounts_of_one_person_are_one_person() -> None:
    one = {**ENOUGH, "cho": ("P-2", frozenset({"nurse"}))}
    gaps = staffing_gaps(STUDY, one)
    assert len(gaps) == 1
    assert gaps[0].startswith("Only one person can sign as nurse and as nurse; two people must sign apheresis")


def test_one_person_who_is_everything_cannot_run_a_study() -> None:
    alone = {"ann": ("P-1", frozenset(STUDY.roles))}
    gaps = staffing_gaps(STUDY, alone)
    assert any("two people must sign enrolment" in gap for gap in gaps)
    assert any("independent for disposition" in gap for gap in gaps)


def test_a_releaser_who_alone_performs_another_step_is_not_independent() -> None:
    without = {name: one for name, one in ENOUGH.items() if name not in ("ann", "hal", "ida")}
    gaps = staffing_gaps(STUDY, {**without, **people(ann="P-1 doctor qa")})
    assert gaps == [
        "Nobody who is qa is independent for disposition: without them nobody could perform consent, screening, visits."
    ]


def test_a_reserve_step_counts_too_because_it_may_be_offered_at_night() -> None:
    assert any("again" in gap for gap in staffing_gaps(STUDY, {"ann": ("P-1", frozenset({"doctor"}))}))

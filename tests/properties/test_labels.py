"""Labels as arithmetic: in whatever order they are printed, destroyed and reconciled, none is left over when the next step opens."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import Refused
from events.facts.base import LabelFate
from events.facts.labels import LabelFatesGiven, LabelFatesWitnessed, LabelsIssued
from events.facts.steps import LabelsReconciled
from events.reading import read_record
from protocol.audit import audit_all
from protocol.commands import AnyCommand, DropFates, GiveFates, IssueLabels, Perform, Witness, WitnessFates
from protocol.labels import next_serials, unaccounted
from protocol.reader import Reader
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property
NURSES = ("apheresis.nurse.1", "apheresis.nurse.2")
FATES = st.sampled_from(["applied", "attached_to_record", "destroyed"])
QUIET = settings(max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck))

_ONE: dict[int, Staged] = {}


def at_the_chair(stage: Stage) -> Staged:
    """One copy for all examples that record nothing."""
    return _ONE.setdefault(id(stage), stage.at("label_collection"))


@settings(QUIET, max_examples=200)
@given(
    chosen=st.lists(st.tuples(st.integers(0, 4), FATES), max_size=6),
    typed=st.one_of(st.none(), st.lists(st.integers(0, 4), max_size=5)),
)
def test_anything_but_one_fate_each_is_refused(
    stage: Stage, chosen: list[tuple[int, str]], typed: list[int] | None
) -> None:
    """Any list of fates over three issued serials and two others: accepted only if each of the three stands there once."""
    site = at_the_chair(stage)
    issued = [label.serial for label in unaccounted(site.now)]
    known = [*issued, "STRANGE-1", "STRANGE-2"]
    labels = tuple(LabelFate.model_validate({"serial": known[at], "fate": fate}) for at, fate in chosen)
    form = site.form("label_collection", labels=labels, issued=tuple(known[at] for at in typed or ()))
    count = Counter(label.serial for label in labels)
    said = Counter(form.issued)
    right = count == Counter(issued) and not (set(said) - set(issued)) and max(said.values(), default=1) == 1
    right = right and any(label.fate == "applied" for label in labels)
    rule = ""
    try:
        site.desk.may(site.patient.therapy, form, NURSES[0])
    except Refused as refused:
        rule = refused.rule
    assert rule in ("", "label.one-fate", "label.applied")
    assert right == (rule == ""), f"{labels} of {issued}: {rule or 'accepted'}"


DOES = st.sampled_from(
    "print print print destroy destroy apply witness witness drop reconcile reconcile sign sign".split()
    + ["hand over"] * 2
)


def test_in_any_order_none_is_unaccounted_for_when_the_next_step_opens(stage: Stage) -> None:
    """Print, reprint, destroy, apply, witness, reconcile in any order: the hand-over opens on none unaccounted for, or not at all."""
    accepted = Counter[str]()
    refused = Counter[str]()

    @QUIET
    @given(acts=st.lists(st.tuples(DOES, st.integers(0, 7), st.integers(0, 1)), min_size=8, max_size=20))
    def in_any_order(acts: list[tuple[str, int, int]]) -> None:
        site = stage.at("label_collection")
        for does, number, nurse in acts:
            _one_act(site, does, number, NURSES[nurse], accepted, refused)
        assert told_from_the_log(site) == {serial: label.fate for serial, label in site.now.labels.items()}
        assert audit_all(Reader(site.log)) == []
        stage.let_go()

    in_any_order()
    assert set(accepted) == {"print", "destroy", "apply", "witness", "drop", "reconcile", "sign", "hand over"}
    assert {"label.reprint", "label.pending", "label.one-fate", "label.unaccounted", "order.after"} <= set(refused)


def _one_act(site: Staged, does: str, number: int, nurse: str, accepted: Counter[str], refused: Counter[str]) -> None:
    site.pass_(minutes=1)
    command = said(site, does, number)
    if command is None:
        return
    before = {serial: label.fate for serial, label in site.now.labels.items()}
    first = [by.account for _, by in site.now.label_acts.values()] + [a.by.account for a in site.now.pending.values()]
    if does in ("witness", "sign") and number % 4:  # mostly by the other one, as it should be
        nurse = site.who(("apheresis_nurse",), site.person(first[0])) if first else nurse
    try:
        site.act(command, nurse)
    except Refused as no:
        refused[no.rule] += 1
        return
    accepted[does] += 1
    after = {serial: label.fate for serial, label in site.now.labels.items()}
    changed = [serial for serial, fate in before.items() if fate and after[serial] != fate]
    assert not changed, f"a fate was changed or taken back: {changed}"
    assert does != "hand over" or not unaccounted(site.now), "it opened on a label without a fate"


def said(site: Staged, does: str, number: int) -> AnyCommand | None:
    """What somebody says, sensible or not."""
    bag, serials = site.one("leukapheresis"), list(site.now.labels)
    one = serials[number % len(serials)]
    link = next(iter(site.now.label_acts), "0" * 64)
    match does:
        case "print":
            new = next_serials(site.now, 1 + number // 6)
            return IssueLabels(material=bag, template="collection_label", serials=new, why="torn")
        case "destroy" | "apply":
            fate = LabelFate(serial=one, fate="destroyed" if does == "destroy" else "applied")
            return GiveFates(labels=(fate,), reason="torn", rescan=bag)
        case "witness":
            return WitnessFates(act=link)
        case "drop":
            return DropFates(act=link, reason="not so")
        case "sign":
            return next((Witness(act=key) for key in site.now.pending), None)
        case "reconcile":
            form: Perform = site.form("label_collection")
            return form if number % 3 else form.model_copy(update={"labels": form.labels[:-1]})
        case _:
            return site.form("hand_over")


def told_from_the_log(site: Staged) -> dict[str, str]:
    """Each serial's fate by the facts alone, folded by other code; a second fate for a serial would be an error."""
    issued: dict[str, str] = {}
    waiting: dict[str, tuple[LabelFate, ...]] = {}

    def stand(labels: tuple[LabelFate, ...]) -> None:
        for label in labels:
            assert issued[label.serial] == "", f"{label.serial} got a second fate"
            issued[label.serial] = label.fate

    for stored in site.log.read():
        record = read_record(stored)
        for fact in record.facts:
            if isinstance(fact, LabelsIssued):
                assert not set(fact.serials) & set(issued), "a serial was issued twice"
                issued |= dict.fromkeys(fact.serials, "")
            elif isinstance(fact, LabelsReconciled | LabelFatesGiven):
                waiting[record.link] = fact.labels
            elif isinstance(fact, LabelFatesWitnessed):
                stand(waiting.pop(fact.act))
            elif fact.wire == "act.witnessed.v1" and fact.act in waiting:  # type: ignore[attr-defined]
                stand(waiting.pop(fact.act))  # type: ignore[attr-defined]
    return issued

"""Properties of the rulebook: what no history may break, whoever does what, when, with which label in hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from events.errors import Refused
from events.facts.base import Fact
from events.facts.course import DeadlineMissed, DeadlineSet
from events.facts.happened import ActHappened
from events.facts.quality import DeviationOpened
from events.facts.steps import LabelsReconciled, ProductInfused, StepFact
from events.reading import read_record
from events.verify import verify
from projections import views
from protocol.custody import gaps
from protocol.due import instances
from protocol.environment import missing
from protocol.evolve import fold
from protocol.infection import plan_needed
from protocol.releasable import check_releasable
from protocol.state import Therapy, instance
from protocol.worklist import worklist
from tests.properties.histories import HISTORIES, PATIENTS, Happened, History, begun, codes_of, played
from tests.properties.plain_fold import Plain, plain_fold
from tests.stage import Stage, Staged, copy_sqlite

pytestmark = pytest.mark.property
Steps = tuple[str, list[tuple[str, int, int]]]


# ------------------------------------------------------------------ random histories


@settings(
    max_examples=14,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(history=HISTORIES)
def test_no_history_breaks_what_must_hold(stage: Stage, history: Steps) -> None:
    """Thirty random acts on three patients: right ones, wrong ones, repeated, late, declined, corrected, forbidden."""
    how, steps = history
    site = begun(stage, how)
    live = filled(site, stage.folder / f"{how}.views")
    played(site, steps, check_each_record)
    views.catch_up(site.log, live)
    check_the_whole(site)
    check_the_views(site, live)


def filled(site: Staged, kept: Path) -> str:
    """Views as they were filled before the history; they are filled once for each beginning, and copied."""
    if not kept.exists():
        views.catch_up(site.log, f"sqlite:///{kept}")
    copy = site.path.with_suffix(".views")
    copy_sqlite(kept, copy)
    return f"sqlite:///{copy}"


def check_each_record(history: History, before: int) -> None:
    """After each record: custody without gaps, two people, order, release before infusion."""
    for happened in history.happened[before:]:
        after = history.site.desk.therapy(happened.before.id)
        assert gaps(after) == []
        check_two_people(after)
        check_nobody_is_left_behind(happened, after)
        check_what_a_gate_names_is_required(history.site, after)
        # What is told of an act that already happened may break rules; then it says which, and is heard of.
        told = isinstance(happened.receipt.facts[0], ActHappened)
        assert not told or check_told(happened.receipt.facts)
        for fact in () if told else happened.receipt.facts:
            if isinstance(fact, StepFact):
                check_order(history.site, happened, fact)
                check_labels(happened.before, fact)
            if isinstance(fact, ProductInfused):
                statuses = {happened.before.materials[code].status for code in fact.infused}
                assert statuses == {"released"}, f"{fact.infused} was {statuses}"


def check_nobody_is_left_behind(happened: Happened, after: Therapy) -> None:
    """Whatever takes the last bag from a patient who was conditioned opens a critical deviation in that very record."""
    begun = any(at.step == "lymphodepletion" for at in happened.before.every_act)
    wanted = not (after.infused or after.died or after.completed or "treatment" in after.withdrawn)

    def bags(therapy: Therapy) -> list[str]:
        known = (m for m in therapy.materials.values() if m.kind == "drug_product" and not m.earlier)
        return [m.code for m in known if m.live and m.status != "rejected"]

    if begun and wanted and bags(happened.before) and not bags(after) and after.batch == happened.before.batch:
        told = [d for d in after.deviations.values() if d.rule == "product.lost" and d.grade == "critical"]
        assert told, f"{happened.command} took the last bag of {after.id}, and nobody hears of it"


def check_what_a_gate_names_is_required(site: Staged, therapy: Therapy) -> None:
    """What the release or the plan's gate names as the reason of a refusal is not told as something that no step waits for."""
    items = [] if therapy.opened is None else worklist(therapy, site.protocol)
    standing = {due.step.id: due.standing for due in instances(therapy, site.protocol)} if items else {}
    required = {(i.kind, i.material or i.step): i for i in items if i.required}
    if standing.get("disposition") in ("ready", "waiting", "awaiting_second"):
        for code in names_of_the_refusal(therapy, site):
            assert ("deviation", code) in required or any(k == "action" for k, _ in required), (
                f"{code} blocks the release"
            )
            blocking = [i for i in items if i.material == code and i.required and i.kind == "deviation"]
            assert all("disposition" in i.blocks for i in blocking)
        if missing(therapy, site.protocol):
            assert all(i.required for i in items if i.kind == "environment")
    shut = standing.get("lymphodepletion") == "waiting" and standing.get("hbv_plan") == "ready"
    if shut and plan_needed(therapy, site.protocol):
        assert ("perform", "hbv_plan") in required
    for item in items:
        assert not item.blocks or item.required


def names_of_the_refusal(therapy: Therapy, site: Staged) -> list[str]:
    """The deviations for which a release is refused that lacks nothing else."""
    assert site.protocol.release is not None
    free = site.protocol.model_copy(update={"release": site.protocol.release.model_copy(update={"criteria": ()})})
    free = free.model_copy(update={"environment": None})
    try:
        check_releasable(therapy, free, (), None)
    except Refused as refused:
        return list(refused.values.get("deviations", ()))  # type: ignore[call-overload]
    return []


def check_told(facts: tuple[Fact, ...]) -> bool:
    """A told act names the rules that it broke, and a critical deviation of each patient stands beside it."""
    first = facts[0]
    assert isinstance(first, ActHappened)
    critical = {fact.therapy for fact in facts if isinstance(fact, DeviationOpened) and fact.grade == "critical"}
    return bool(first.broken or first.foreign) and {first.therapy, *(i.therapy for i in first.foreign)} <= critical


def check_two_people(therapy: Therapy) -> None:
    """Whoever performed did not sign second; a step that needs a second signature is not done without it."""
    for act in therapy.acts.values():
        assert (act.second is not None) == bool(act.fact.awaits)
        if act.second is not None:
            assert act.second.person not in act.answerable


def check_labels(before: Therapy, fact: StepFact) -> None:
    """No step but labelling touches a material of which a label is unaccounted for, and labelling leaves none."""
    touched = {fact.key.material, *fact.moves, *fact.consumed, *(scan.code for scan in fact.scans)}
    open_ = {label.serial for label in before.labels.values() if label.material in touched and not label.fate}
    if isinstance(fact, LabelsReconciled):
        assert sorted(fact.issued) == sorted(label.serial for label in fact.labels)
    else:
        assert open_ == set(), f"{fact.key} went on with {open_}"


def check_order(site: Staged, happened: Happened, fact: StepFact) -> None:
    """No step is recorded before each step that it follows has been done, on this patient's path."""
    therapy = happened.before
    done = {at.step for at in therapy.acts}
    chosen = {choice.name: choice.option for choice in therapy.choices}
    for name in site.protocol.by_id[fact.key.step].after:
        step = site.protocol.by_id[name.removeprefix("first ")]
        applies = all(chosen.get(choice) in options for choice, options in step.when.items())
        other_way = step.unless is not None and step.unless in therapy.offers
        if applies and not step.reserve and not other_way and not therapy.passes(step.id):
            assert step.id in done, f"{fact.key.step} before {step.id}"
    assert instance(fact.key) not in therapy.every_act, "an instance is done once"


def check_the_whole(site: Staged) -> None:
    """At the end: the log verifies, every code has one owner, deadlines are unique, a fold from scratch agrees."""
    assert verify(site.log).clean
    owners: dict[str, str] = {}
    for patient in PATIENTS:
        for code in codes_of(site.therapy(patient)):
            assert owners.setdefault(code, patient.therapy) == patient.therapy, f"{code} has two patients"
    check_deadlines(site)
    for patient in PATIENTS:
        name = patient.therapy
        if site.therapy(patient).opened is None:
            continue
        records = [read_record(stored) for stored in site.log.stream(f"therapy/{name}")]
        assert fold(Therapy(id=name), records) == site.therapy(patient)


def check_deadlines(site: Staged) -> None:
    """A deadline is set once for a time, and missed once."""
    seen: Counter[tuple[object, ...]] = Counter()
    for stored in site.log.read():
        for fact in read_record(stored).facts:
            if isinstance(fact, DeadlineSet):
                seen["set", fact.therapy, fact.deadline, fact.key, fact.due] += 1
            elif isinstance(fact, DeadlineMissed):
                seen["missed", fact.therapy, fact.deadline, fact.key] += 1
    assert not [what for what, times in seen.items() if times > 1]


# ------------------------------------------------------------------ the views, and a second pair of eyes


def check_the_views(site: Staged, live: str) -> None:
    """Filled in two turns or at once, the views are the same; and a fold that knows none of our code agrees with them."""
    before, after = views.rebuild(site.log, live)
    assert before == after
    plain = plain_fold(stored.value for stored in site.log.read() if stored.refused is None)
    for row in views.batches(live):
        check_batch(row, plain[row["therapy"]], live)
    assert {row["therapy"] for row in views.batches(live)} == set(plain)
    for patient in PATIENTS:
        signed = {
            tuple(at): [act.by.account, *([act.second.account] if act.second else [])]
            for at, act in site.therapy(patient).every_act.items()
        }
        assert signed == (plain[patient.therapy].done if patient.therapy in plain else {})
    for file in site.path.parent.glob(f"{site.path.stem}.*"):
        file.unlink()


def check_batch(row: dict[str, object], plain: Plain, url: str) -> None:
    """One therapy's rows beside what the plain fold says."""
    name = str(row["therapy"])
    assert row["finding"] == "", "the audit decides every record again as it was decided"
    assert row["steps_done"] == len(plain.done)
    assert row["disposition"] == plain.disposition
    assert row["deviations_open"] == len(plain.open_deviations)
    assert row["alerts"] == len(plain.open_alerts)
    assert row["records"] == plain.records
    assert row["labels_open"] == len(plain.labels_open)
    done = {
        (line["step"], line["occurrence"], line["material"], line["batch"])
        for line in views.patient_schedule(url, name)
        if line["standing"] == "done"
    }
    assert done == set(plain.done) - plain.lapsed
    trail = views.custody(url, name)
    last = {line["material"]: line for line in trail}
    assert {code: line["holder"] for code, line in last.items()} == plain.holder
    for one, two in pairwise(trail):
        if one["material"] == two["material"]:
            assert one["until"] == two["since"]


def test_the_plain_fold_shares_no_code_with_what_it_checks() -> None:
    """The second pair of eyes imports nothing of ours."""
    source = Path(plain_fold.__code__.co_filename).read_text(encoding="utf-8")
    imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in imports if line.split()[1].split(".")[0] in ("events", "protocol", "projections")]

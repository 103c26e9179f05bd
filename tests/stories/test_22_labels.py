"""Each serial label has exactly one fate, and says what the rules require; unaccounted are none, or the next step stays shut.

What counts as issued is what the log says was issued: at the collection, at the fill, and before the cells are frozen.

Source: process page steps 6, 10, 14 and 15; 21 CFR 1271.90(c); 21 CFR 211.125; 21 CFR 312.6; EU GMP Part IV 9.45; ISBT 128.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.rehearsal import Patient
from events.facts.labels import LabelsIssued
from protocol.audit import audit_all
from protocol.commands import Dispose, DropFates, GiveFates, IssueLabels, WithdrawPatient, WitnessFates
from protocol.desk import Receipt
from protocol.file import read_protocol
from protocol.labels import next_serials, unaccounted
from protocol.reader import Reader
from protocol.worklist import WorkItem, worklist
from tests.stage import ANNA, BRUNO, STUDY, Stage, Staged, fates, names

pytestmark = pytest.mark.story
NURSE, OTHER_NURSE = "apheresis.nurse.1", "apheresis.nurse.2"
CLARA = Patient(3, "T-3")
WHY = "smeared in the printer"


def marked(**markers: str) -> Patient:
    """Anna, with these infection markers at screening; the others are negative."""
    return replace(ANNA, values={("eligibility", name): word for name, word in markers.items()})


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided."""
    assert audit_all(Reader(site.log)) == []


def set_of(site: Staged) -> list[str]:
    """The serials that have no fate, in the order in which they were printed."""
    return [label.serial for label in unaccounted(site.now)]


def reprint(site: Staged, count: int = 1, why: str | None = WHY, by: str = NURSE) -> Receipt:
    """Print more of the label of the collection."""
    bag = site.one("leukapheresis")
    command = IssueLabels(material=bag, template="collection_label", serials=next_serials(site.now, count), why=why)
    return site.act(command, by)


def destroy(site: Staged, *serials: str, by: str = NURSE, why: str = WHY) -> Receipt:
    """Say that labels were destroyed; nobody has seen it yet."""
    return site.act(GiveFates(labels=fates(**dict.fromkeys(serials, "destroyed")), reason=why), by)


def seen(site: Staged, by: str = OTHER_NURSE) -> Receipt:
    """The second person signs what became of a label."""
    (link,) = site.now.label_acts
    return site.act(WitnessFates(act=link), by)


def waits(site: Staged) -> list[WorkItem]:
    """What the worklist says of labels."""
    return [item for item in worklist(site.now, site.protocol) if item.kind == "label"]


def says(receipt: Receipt) -> list[str]:
    """The statements on the labels that were issued."""
    (fact,) = receipt.facts
    assert isinstance(fact, LabelsIssued)
    return [statement.text for statement in fact.statements]


# ------------------------------------------------------------------ exactly one fate, at every place


@pytest.mark.parametrize(
    ("patient", "step", "following"),
    [
        (ANNA, "label_collection", "hand_over"),
        (BRUNO, "label_freezing", "freeze_collection"),
        (BRUNO, "label_product", "label_cassette"),
        (BRUNO, "label_cassette", "cryopreservation"),
    ],
    ids=["at the collection", "before the collection is frozen", "at the fill", "before the product is frozen"],
)
def test_the_next_step_stays_shut_until_every_label_has_its_one_fate(
    stage: Stage, patient: Patient, step: str, following: str
) -> None:
    """At the collection, at the fill, and before each freeze: with one label unaccounted for, nothing goes on."""
    site = stage.at(step, patient)
    printed, form = set_of(site), site.form(step)
    assert printed
    for serial in printed:
        # One label is missing. I cannot say that it is not there: it was printed.
        rest = tuple(fate for fate in form.labels if fate.serial != serial)
        with site.refused("label.one-fate") as told:
            site.perform(step, labels=rest)
        assert told.values["unaccounted"] == [serial]
    with site.refused("order.after"):
        site.perform(following, labels=())
    site.do(step)
    assert unaccounted(site.now) == []
    assert site.standing(following) == "ready"
    settled(site)


def test_what_counts_is_what_was_issued_not_what_somebody_says_was_issued(stage: Stage) -> None:
    """A nurse who forgets a label on the form does not make it vanish; one that nobody printed is refused."""
    site = stage.at("label_collection")
    first, second, third = set_of(site)
    # I write that two were issued, and account for two. Three were.
    with site.refused("label.one-fate") as told:
        site.perform(
            "label_collection",
            issued=(first, second),
            labels=fates(**{first: "applied", second: "attached_to_record"}),
        )
    assert told.values["unaccounted"] == [third]
    three = {first: "applied", second: "attached_to_record", third: "destroyed"}
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=fates(**three, L9="destroyed"))
    assert told.values["strange"] == ["L9"]
    # Nor can one that was issued have two fates.
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=(*fates(**three), *fates(**{first: "destroyed"})))
    assert told.values["doubled"] == [first]


def test_nothing_is_reconciled_before_it_was_printed(stage: Stage) -> None:
    """An item without a printed label has nothing to reconcile, and does not go on."""
    site = stage.at("apheresis")
    site.do("apheresis")
    with site.refused("label.issued"):
        site.perform("label_collection", labels=fates(L1="applied"))
    with site.refused("order.after"):
        site.perform("hand_over")
    # The worklist tells the nurse what to print.
    assert ["print 3 of collection_label" in item.says for item in waits(site)] == [True]
    assert [(item.required, item.blocks) for item in waits(site)] == [(True, ("label_collection",))]


def test_every_item_bears_its_label_afterwards(stage: Stage) -> None:
    """All labels accounted for, and none of them on the bag, is no labelling."""
    site = stage.at("label_collection")
    with site.refused("label.applied"):
        site.perform("label_collection", labels=fates(**dict.fromkeys(set_of(site), "destroyed")))


def test_each_item_is_scanned_by_the_label_that_is_on_it(stage: Stage) -> None:
    """Two bags were filled; scanning one of them does not label the other."""
    site = stage.at("label_product", BRUNO)
    one, other = (m.code for m in site.now.live("drug_product"))
    with site.refused("identity.scan-present") as told:
        site.perform("label_product", scan={"bags": [one]})
    assert told.values["code"] == other


def test_a_label_of_another_patient_stops_both(stage: Stage) -> None:
    """The other patient's label lies on the table: nothing was applied, the scan is recorded, both are held."""
    site = stage.at("label_collection", other=True)
    hers = next(iter(site.therapy(BRUNO).labels))
    first, *rest = set_of(site)
    mixed = fates(**{hers: "applied", first: "attached_to_record"}, **dict.fromkeys(rest, "destroyed"))
    with site.refused("identity.wrong-item", records=1):
        site.perform("label_collection", labels=mixed)
    assert site.now.holds
    assert site.therapy(BRUNO).holds
    # Until QA has cleared it, no other label is printed for either.
    with site.refused("identity.hold"):
        reprint(site)
    settled(site)


# ------------------------------------------------------------------ issued


def test_who_printed_is_signed_and_what_stands_on_the_labels_is_in_the_record(stage: Stage) -> None:
    """Printing is a signed act: serials, item, every line and statement, and the code that a scanner reads."""
    site = stage.at("apheresis")
    site.do("apheresis")
    bag = site.one("leukapheresis")
    print_three = IssueLabels(material=bag, serials=next_serials(site.now, 3))
    # I am the courier. I do not print the labels of the collection.
    with site.refused("authority.role"):
        site.act(print_three, "courier.1")
    receipt = site.act(print_three, NURSE)
    (fact,) = receipt.facts
    assert isinstance(fact, LabelsIssued)
    assert fact.serials == ("T-1-L001", "T-1-L002", "T-1-L003")
    assert fact.symbol == f"={bag}74"
    lines = {line.title: line.value for line in fact.lines}
    assert lines["Chain of identity"] == site.now.coi
    assert lines["Collected"] == "2026-03-10 08:00 UTC"
    assert lines["Use before"] == "2026-03-12 08:00 UTC", "48 h after the collection ended"
    assert {label.by.account for label in site.now.labels.values()} == {NURSE}
    settled(site)


def test_a_serial_names_one_label_in_the_whole_log(stage: Stage) -> None:
    """The same serial twice, for another patient, or for something that has a code already: refused."""
    site = stage.at("label_collection", other=True)
    bag, hers = site.one("leukapheresis"), next(iter(site.therapy(BRUNO).labels))
    first, *_ = set_of(site)
    for serials in ((hers,), (first,), (bag,), ("NEW-1", "NEW-1"), (site.now.wristband,)):
        with site.refused("identity.new-code"):
            site.act(IssueLabels(material=bag, template="collection_label", serials=serials, why=WHY), NURSE)
    # A label's serial is no new bag either.
    other = site.therapy(BRUNO)
    assert other.uses(hers)


def test_two_printers_at_once_do_not_print_one_serial(stage: Stage) -> None:
    """Two patients' labels from one numbered roll in the same minute: one serial is issued once."""
    site = stage.at("apheresis")
    site.play(CLARA, "apheresis")
    site.do("apheresis")
    site.do("apheresis", patient=CLARA)
    beside = stage.again(site)
    mine = IssueLabels(material=site.one("leukapheresis"), serials=("ROLL-7",))
    hers = IssueLabels(material=site.one("leukapheresis", CLARA), serials=("ROLL-7",))
    asked = site.desk.may(ANNA.therapy, mine, NURSE)
    assert names(asked.facts) == ["labels.issued"]
    beside.act(hers, OTHER_NURSE, CLARA)
    with site.refused("identity.new-code") as told:
        site.act(mine, NURSE)
    assert "T-3" in str(told.says)
    settled(site)


def test_nothing_is_printed_for_what_is_gone_or_for_nobody(stage: Stage) -> None:
    """Labels exist for live material of this patient only."""
    site = stage.at("transduction")
    gone = next(m.code for m in site.now.materials.values() if m.ended)
    for material, rule in ((gone, "identity.material-live"), ("NOBODY-1", "identity.material")):
        with site.refused(rule):
            site.act(IssueLabels(material=material, template="collection_label", serials=("L-1",), why=WHY), NURSE)
    with site.refused("label.template"):
        site.act(IssueLabels(material=site.one("intermediate"), serials=("L-1",)), "operator.1")


# ------------------------------------------------------------------ reprinted


def test_a_label_is_not_reprinted_before_the_damaged_one_has_its_fate(stage: Stage) -> None:
    """A second label for the same bag is printed only for one that two people saw destroyed, and with a reason."""
    site = stage.at("label_collection")
    first, second, third = set_of(site)
    # The second one is smeared. I print another: refused, and each label without a fate is named.
    with site.refused("label.reprint") as told:
        reprint(site)
    assert told.values["without_fate"] == [first, second, third]
    destroy(site, second)
    # Signed by one. Nobody has seen it yet.
    with site.refused("label.reprint"):
        reprint(site)
    seen(site)
    with site.refused("label.why"):
        reprint(site, why=None)
    # One was destroyed: one is printed in its place, not two.
    with site.refused("label.reprint") as told:
        reprint(site, 2)
    assert told.values["destroyed"] == [second]
    receipt = reprint(site)
    (fact,) = receipt.facts
    assert isinstance(fact, LabelsIssued)
    assert (fact.replaces, fact.why) == ((second,), WHY)
    with site.refused("label.reprint"):
        reprint(site)
    # The set is three again: two of the first printing, and the new one.
    assert set_of(site) == [first, third, fact.serials[0]]
    site.do("label_collection")
    assert site.standing("hand_over") == "ready"
    settled(site)


def test_a_label_has_one_fate_even_if_the_second_is_signed_elsewhere(stage: Stage) -> None:
    """What was destroyed is not applied; what waits for a witness is not reconciled; what is reconciled is not destroyed."""
    site = stage.at("label_collection")
    first, second, third = set_of(site)
    destroy(site, third)
    with site.refused("label.pending"):
        destroy(site, third, by=OTHER_NURSE)
    with site.refused("label.pending"):
        site.perform("label_collection", labels=fates(**{first: "applied", second: "attached_to_record"}))
    seen(site)
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=fates(**{first: "applied", second: "destroyed", third: "destroyed"}))
    assert told.values["doubled"] == [third]
    site.perform("label_collection", labels=fates(**{first: "applied", second: "attached_to_record"}))
    # The set is signed by one nurse and waits for the other. I cannot destroy one of it meanwhile.
    with site.refused("label.pending"):
        destroy(site, second)
    site.witness()
    with site.refused("label.one-fate"):
        destroy(site, second)
    assert {label.serial: label.fate for label in site.now.labels.values()} == {
        first: "applied",
        second: "attached_to_record",
        third: "destroyed",
    }
    settled(site)


def test_nobody_destroys_a_label_alone(stage: Stage) -> None:
    """The fate of a label outside the set's reconciliation is signed by two people; one person is one under any account."""
    site = stage.at("label_collection")
    _, second, _ = set_of(site)
    with site.refused("authority.role"):
        destroy(site, second, by="courier.1")
    destroy(site, second)
    moonlight = site.hire(site.person(NURSE), "moonlight", "apheresis_nurse")
    for account in (NURSE, moonlight):
        with site.refused("authority.two-people"):
            seen(site, account)
    with site.refused("authority.role"):
        seen(site, "courier.1")
    # It stands in the worklist of those who may.
    (item,) = waits(site)
    assert (item.roles, item.required) == (("apheresis_nurse",), True)
    assert f"{second} destroyed: signed by {NURSE}" in item.says
    # I look: the label is there, whole. I do not sign.
    (link,) = site.now.label_acts
    site.act(DropFates(act=link, reason="the label is here, and readable"), OTHER_NURSE)
    assert second in set_of(site)
    with site.refused("signature.pending"):
        site.act(WitnessFates(act=link), OTHER_NURSE)
    settled(site)


def test_where_no_second_person_is_left_qa_declines_what_became_of_a_label(stage: Stage) -> None:
    """As with an act: QA cannot see for the nurse what became of it, but can say that it does not stand."""
    site = stage.at("label_collection")
    _, second, _ = set_of(site)
    destroy(site, second)
    (link,) = site.now.label_acts
    with site.refused("authority.role"):
        site.act(WitnessFates(act=link), "qa.releaser.1")
    with site.refused("authority.role"):
        site.act(DropFates(act=link, reason="not mine to say"), "courier.1")
    site.act(DropFates(act=link, reason="nobody saw it destroyed"), "qa.releaser.1")
    assert site.now.label_acts == {}
    assert second in set_of(site)
    settled(site)


def test_a_reprint_after_the_reconciliation_shuts_the_next_step_again(stage: Stage) -> None:
    """A label torn in the hand-over hall is replaced: until the new one has its fate, the bag does not leave."""
    site = stage.at("hand_over")
    bag = site.one("leukapheresis")
    receipt = reprint(site, why="torn off by the tape of the shipper")
    new = receipt.facts[0].serials[0]  # type: ignore[attr-defined]
    with site.refused("label.unaccounted") as told:
        site.perform("hand_over")
    assert told.values["unaccounted"] == [new]
    assert [item.says for item in waits(site)] == [f"UNACCOUNTED: {new} of {bag}; the next step stays shut"]
    # It is applied, and the bag is scanned by it. The scan must show this bag.
    applied = GiveFates(labels=fates(**{new: "applied"}), reason="new label on")
    with site.refused("identity.scan-present"):
        site.act(applied, NURSE)
    with site.refused("identity.scan-matches"):
        site.act(applied.model_copy(update={"rescan": site.now.wristband}), NURSE)
    site.act(applied.model_copy(update={"rescan": bag}), NURSE)
    with site.refused("label.unaccounted"):
        site.perform("hand_over")
    seen(site)
    assert waits(site) == []
    site.do("hand_over")
    settled(site)


def test_a_therapy_that_ends_still_asks_for_its_labels(stage: Stage) -> None:
    """The patient's course may end; a serial label without a fate does not end with it."""
    site = stage.at("label_collection")
    site.act(WithdrawPatient(withdrawn=("treatment",), at=site.clock(), reason="wishes to stop"), "investigator.1")
    site.act(Dispose(materials=(site.one("leukapheresis"),), reason="withdrawn"), "qa.releaser.1")
    site.system()
    assert site.now.completed
    (item,) = waits(site)
    assert item.says.startswith("UNACCOUNTED")
    destroy(site, *set_of(site), why="the therapy ended before the bag was labelled")
    seen(site)
    assert waits(site) == []
    settled(site)


# ------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("patient", "stands"),
    [
        (marked(), ["FOR AUTOLOGOUS USE ONLY"]),
        (marked(hcv="pending"), ["FOR AUTOLOGOUS USE ONLY", "NOT EVALUATED FOR INFECTIOUS SUBSTANCES"]),
        (marked(hiv="not_tested"), ["FOR AUTOLOGOUS USE ONLY", "NOT EVALUATED FOR INFECTIOUS SUBSTANCES"]),
        (
            marked(hbsag="positive", hbv_dna="negative", syphilis="positive"),
            ["FOR AUTOLOGOUS USE ONLY", "BIOHAZARD", "WARNING: Reactive test results for HBV, syphilis"],
        ),
        (
            marked(hcv="positive", syphilis="pending"),
            [
                "FOR AUTOLOGOUS USE ONLY",
                "NOT EVALUATED FOR INFECTIOUS SUBSTANCES",
                "BIOHAZARD",
                "WARNING: Reactive test results for HCV",
            ],
        ),
    ],
    ids=["negative", "pending", "not tested", "positive", "one positive and one pending"],
)
def test_the_statements_follow_from_the_recorded_infection_markers(
    stage: Stage, patient: Patient, stands: list[str]
) -> None:
    """Nobody chooses which warning is printed: the label bears what the record requires, and nothing else."""
    site = stage.at("apheresis", patient)
    site.do("apheresis")
    bag = site.one("leukapheresis")
    receipt = site.act(IssueLabels(material=bag, serials=next_serials(site.now, 2)), NURSE)
    assert says(receipt) == stands
    settled(site)


def test_the_bag_of_an_investigational_product_says_so(stage: Stage) -> None:
    """21 CFR 312.6: Caution: New Drug. It stands on the product's bag, beside FOR AUTOLOGOUS USE ONLY."""
    site = stage.at("label_product")
    bag = next(x for x in site.now.labels.values() if x.template == "bag_label")
    texts = [statement.text for statement in bag.issued.statements]
    assert texts[0] == "FOR AUTOLOGOUS USE ONLY"
    assert texts[1].startswith("Caution: New Drug")


@pytest.mark.parametrize(
    ("markers", "right", "wrong"),
    [
        ("negative", "negative", ["not_evaluated", "biohazard"]),
        ("pending", "not_evaluated", ["negative", "biohazard"]),
        ("positive", "biohazard", ["negative", "not_evaluated"]),
    ],
)
def test_what_the_nurse_reads_on_the_label_must_be_what_must_stand_there(
    stage: Stage, markers: str, right: str, wrong: list[str]
) -> None:
    """The answer about the label agrees with the statements that the record requires; another answer is refused."""
    site = stage.at("label_collection", marked(hcv=markers))
    for answer in wrong:
        with site.refused("label.statement"):
            site.perform("label_collection", values={"infection_statement": answer})
    with site.refused("limit.label_collection.autologous"):
        site.perform("label_collection", values={"autologous": "no"})
    site.do("label_collection", values={"infection_statement": right})
    # A correction cannot make the label say otherwise either.
    with site.refused("label.statement"):
        site.correct("label_collection", "infection_statement", wrong[0])
    settled(site)


def test_a_value_that_a_label_names_and_nobody_recorded_prints_nothing(stage: Stage) -> None:
    """A label with a gap is not printed: whoever prints is told which value is missing, and prints once it is there."""
    text = STUDY.read_text(encoding="utf-8").replace(
        "    statements:\n", '    statements:\n      - {id: count, text: "CD3+ {apheresis.cd3_count}"}\n', 1
    )
    site = stage.site(read_protocol(text))
    site.play(ANNA, "apheresis")
    site.do("apheresis")
    issue = IssueLabels(material=site.one("leukapheresis"), serials=("T-1-L001",))
    with site.refused("label.value") as told:
        site.act(issue, NURSE)
    assert told.values["missing"] == "apheresis.cd3_count"
    site.late("apheresis", {"cd3_count": "2e9 cells"})
    assert "CD3+ 2e9 cells" in says(site.act(issue, NURSE))
    settled(site)


def test_a_label_that_was_printed_before_the_result_came_is_not_applied(stage: Stage) -> None:
    """The markers were pending when it was printed, and are positive now: what lacks the warning does not go on the bag."""
    site = stage.at("label_collection", marked(hbsag="pending"))
    site.correct("eligibility", "hbsag", "positive", why="the laboratory called")
    answer = {"infection_statement": "biohazard"}
    with site.refused("label.outdated") as told:
        site.perform("label_collection", values=answer)
    assert "BIOHAZARD" in str(told.values["wrong"])
    old = set_of(site)
    destroy(site, *old, why="printed before the result came")
    seen(site)
    reprint(site, 3, why="markers are positive now")
    assert set(old).isdisjoint(set_of(site))
    site.do("label_collection", values=answer)
    settled(site)


def test_a_label_on_a_bag_that_no_longer_says_what_it_must_is_told_to_those_who_print(stage: Stage) -> None:
    """A late positive result makes the label on the bag wrong: the worklist says so until a right one is on it."""
    site = stage.at("hand_over", marked(hbsag="pending"))
    assert waits(site) == []
    site.do("markers_again", values={"hbsag": "positive"})
    (item,) = waits(site)
    assert item.title == "Label anew"
    assert "it lacks 'BIOHAZARD'" in item.says
    new = reprint(site, why="the markers are positive").facts[0].serials[0]  # type: ignore[attr-defined]
    bag = site.one("leukapheresis")
    site.act(GiveFates(labels=fates(**{new: "applied"}), reason="over the old one", rescan=bag), NURSE)
    seen(site)
    assert waits(site) == []
    settled(site)


def test_a_corrected_value_that_stands_on_the_label_makes_it_wrong(stage: Stage) -> None:
    """The volume was misread and corrected after the labels were printed: they are printed again."""
    site = stage.at("label_collection")
    site.correct("apheresis", "volume", "301 mL", why="scale misread")
    with site.refused("label.outdated") as told:
        site.perform("label_collection")
    assert "Volume is 301 mL" in str(told.values["wrong"])


def test_each_of_two_collections_has_labels_of_its_own_time(stage: Stage) -> None:
    """The label of a second collection says when the second one was collected, not the first."""
    site = stage.at("apheresis")
    site.do("apheresis")
    site.late("apheresis", {"cd3_count": "6e8 cells"})
    site.pass_(days=1)
    site.do("second_collection")
    when = {}
    for bag in site.now.live("leukapheresis"):
        receipt = site.act(IssueLabels(material=bag.code, serials=next_serials(site.now, 1)), NURSE)
        (fact,) = receipt.facts
        assert isinstance(fact, LabelsIssued)
        when[bag.made_in.step] = next(line.value for line in fact.lines if line.title == "Collected")
    assert when["apheresis"].startswith("2026-03-10")
    assert when["second_collection"].startswith("2026-03-11")


# ------------------------------------------------------------------ a site that prints elsewhere


def test_a_site_that_prints_elsewhere_types_what_was_issued(stage: Stage) -> None:
    """Without labels in the study file the serials issued are typed, and each still has exactly one fate."""
    text = STUDY.read_text(encoding="utf-8").partition("\n# What is printed.")[0]
    lines = [line for line in text.splitlines() if not line.startswith(("    labels:", "         on_label:"))]
    plain = "\n".join(lines).replace(", on_label: {yes: autologous},", ",")
    plain = plain.replace(
        "options: [negative, not_evaluated, biohazard],", "options: [negative, not_evaluated, biohazard]}"
    )
    site = stage.site(read_protocol(plain + "\n"))
    site.play(ANNA, "label_collection")
    assert site.now.labels == {}
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", issued=("L1", "L2"), labels=fates(L1="applied"))
    assert told.values["unaccounted"] == ["L2"]
    with site.refused("label.one-fate"):
        site.perform("label_collection", issued=(), labels=())
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", issued=("L1",), labels=fates(L1="applied", L9="destroyed"))
    assert told.values["strange"] == ["L9"]
    with site.refused("label.template"):
        site.act(IssueLabels(material=site.one("leukapheresis"), serials=("L1",)), NURSE)
    site.do("label_collection", issued=("L1", "L2"), labels=fates(L1="applied", L2="destroyed"))
    assert site.standing("hand_over") == "ready"
    settled(site)

"""Time outside the limits and time unknown are computed from the logger's raw file; what follows, follows by itself; QA decides.

Source: process page row 2 and steps 7 to 9, 15, 18; ICH Q1A(R2) glossary (mean kinetic temperature); EU GDP 2013/C 343/01 9.2;
21 CFR 11.10(a) and (e); 21 CFR 211.142; EU GMP Annex 11 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from events.facts.logger import LogFigures, LoggerLost, LoggerRead
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.facts.steps import TransportReported
from protocol.audit import audit, audit_all
from protocol.commands import DecideQuarantine, ReadLogger, ReportIncident, TakeBack
from protocol.custody import gaps
from protocol.desk import Receipt
from protocol.file import read_protocol
from protocol.logger.figures import read_figures
from protocol.reader import Reader
from protocol.worklist import worklist
from tests.logs import asked_now, of_step, plain, rows
from tests.stage import ANNA, STUDY, Stage, Staged, names

pytestmark = pytest.mark.story
BAG = "G123426100001"
QA = "qa.releaser.1"
TYPED = {"lowest": None, "highest": None, "minutes_unknown": None}
"""What nobody types where there is a file."""
GOOD = [5.1] * 31
"""Five hours and ten minutes at 5.1 C."""


def settled(*sites: Staged) -> None:
    """Every record of the story is decided again as it was decided, and custody has no gap."""
    for site in sites:
        assert audit_all(Reader(site.log)) == []
        assert gaps(site.now) == []


def arriving(stage: Stage, step: str = "transport") -> Staged:
    """The shipment arrives five hours after it was handed over."""
    site = stage.at(step)
    site.pass_(hours=5)
    return site


def arrives(
    site: Staged,
    values: Sequence[float | str | None],
    step: str = "transport",
    entered: Mapping[str, str] | None = None,
    **changes: object,
) -> Receipt:
    """The courier and the receiver sign the arrival; the logger's file is read with it. `entered`: what a person types all the same."""
    _, log = of_step(site, step, values)
    typed = dict.fromkeys(site.protocol.by_id[step].logger.fills)  # type: ignore[union-attr]
    given = {"values": {**typed, **(entered or {})}, "logger": log, **changes}
    return site.do(step, **given)  # type: ignore[arg-type]


def log_of(receipt: Receipt) -> LogFigures:
    """The figures that a record holds."""
    (fact,) = (f for f in receipt.facts if isinstance(f, LoggerRead))
    return fact.log


def deviations(receipt: Receipt) -> list[tuple[str, str]]:
    """Grade and rule of what a record opened."""
    return [(f.grade, f.rule) for f in receipt.facts if isinstance(f, DeviationOpened)]


def held(receipt: Receipt) -> list[str]:
    """The materials that a record quarantined."""
    return [code for f in receipt.facts if isinstance(f, MaterialQuarantined) for code in f.materials]


# ------------------------------------------------------------------ from the file


def test_an_excursion_in_the_loggers_file_quarantines_by_itself_in_the_record_of_the_transport(stage: Stage) -> None:
    """Two readings above 8 C are twenty minutes outside: computed from the raw file, quarantined in the same record, typed by nobody."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 10 + [14.5, 9.0] + [5.1] * 19)
    assert names(receipt.facts) == ["transport.reported", "logger.read", "material.quarantined"]
    step, read, quarantine = receipt.facts
    assert isinstance(step, TransportReported)
    assert isinstance(read, LoggerRead)
    assert isinstance(quarantine, MaterialQuarantined)
    assert {r.name for r in step.readings} == {"upright"}, "the temperatures were typed by nobody"
    (below, above) = read.log.bands
    assert (above.outside, above.longest, above.degree_minutes) == ("1200", "1200", "75")
    assert (below.outside, read.log.unknown, read.log.highest) == ("0", "0", "14.5")
    assert quarantine.materials == (BAG,)
    assert "above 8 C for 20 min" in quarantine.reason
    # What the file says are the step's values now, and the file's hash stands among them.
    at = step.key.step, step.key.material
    said = {name: now.value for (where, name), now in site.now.readings.items() if (where.step, where.material) == at}
    assert said == {
        "upright": "yes",
        "lowest": "5.1",
        "highest": "14.5",
        "minutes_unknown": "0",
        "logger_file": read.log.file.sha256,
    }
    settled(site)


def test_qa_sees_the_figures_and_decides_with_a_reason(stage: Stage) -> None:
    """The worklist of QA shows minutes, degree-minutes, lowest, highest and unknown; until QA has decided, nothing is made of the cells."""
    site = arriving(stage)
    arrives(site, [5.1] * 10 + [14.5, 9.0] + [5.1] * 19)
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "quarantine")
    assert item.roles == ("qa_releaser",)
    assert item.says == (
        f"{BAG} quarantined: above 8 C for 20 min (longest 20 min; 75 C min); lowest 5.1 C, highest 14.5 C, unknown 0 min"
    )
    site.do("receipt")
    with site.refused("material.quarantined"):
        site.perform("wash_collection")
    lift = DecideQuarantine(
        materials=(BAG,), decision="lifted", reason="twenty minutes at 14.5 C; the core stayed at 6 C"
    )
    with site.refused("authority.role"):
        site.act(lift, "receiver.1")
    site.act(lift, "qa.releaser.1")
    site.do("wash_collection")
    settled(site)


def test_a_quarantine_with_several_causes_is_lifted_cause_by_cause(stage: Stage) -> None:
    """Too warm on the road, then the seal is found broken: each cause is decided on by itself, with a reason of its own."""
    site = arriving(stage)
    arrives(site, [5.1] * 10 + [14.5, 9.0] + [5.1] * 19)
    site.act(ReportIncident(name="broken_seal", says="the seal is torn"), "receiver.1")
    warm, seal = site.now.materials[BAG].causes
    assert (warm.code, seal.code) == ("Q-1", "Q-2")
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "quarantine")
    assert item.says.startswith(f"{BAG} quarantined, 2 causes to decide on one by one: Q-1 above 8 C for 20 min")
    assert "; Q-2 " in item.says
    lift = DecideQuarantine(materials=(BAG,), decision="lifted", reason="twenty minutes; the core stayed at 6 C")
    with site.refused("quarantine.cause") as refused:
        site.act(lift, QA)
    assert "Q-1" in refused.advice
    assert "Q-2" in refused.advice
    with site.refused("quarantine.cause"):
        site.act(lift.model_copy(update={"cause": "Q-3"}), QA)
    site.act(lift.model_copy(update={"cause": "q-1"}), QA)
    assert site.now.materials[BAG].status == "quarantined"
    assert site.now.materials[BAG].why == seal.says
    with site.refused("quarantine.cause"):
        site.act(lift.model_copy(update={"cause": "Q-1"}), QA)
    site.act(lift.model_copy(update={"reason": "opened by the receiver's own cutter"}), QA)
    assert site.now.materials[BAG].status == "available"
    with site.refused("material.quarantined"):
        site.act(lift, QA)
    settled(site)


def test_a_log_inside_every_limit_says_the_values_and_nothing_follows(stage: Stage) -> None:
    """The file is kept by its hash, with the declaration by which it was read, and the mean kinetic temperature for information."""
    site = arriving(stage)
    receipt = arrives(site, GOOD)
    assert names(receipt.facts) == ["transport.reported", "logger.read"]
    log = log_of(receipt)
    assert (log.lowest, log.highest, log.mean, log.kinetic_mean) == ("5.1", "5.1", "5.1", "5.1")
    assert '"zone":"UTC"' in log.declaration
    assert len(log.file.sha256) == 64
    assert site.now.deviations == {}
    assert [i for i in worklist(site.now, site.protocol) if i.kind == "log"] == []
    settled(site)


def test_missing_readings_are_unknown_and_never_fine(stage: Stage) -> None:
    """Three missing rows are thirty minutes unknown: more than the protocol allows, so a deviation opens by itself."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 10 + [None, None, None] + [5.1] * 18)
    assert log_of(receipt).unknown == "1800"
    assert deviations(receipt) == [("minor", "logger.transport.unknown")]
    assert log_of(receipt).gaps[0].startswith("30 min without a reading")
    settled(site)


def test_one_missing_reading_is_unknown_too_and_within_what_the_protocol_allows(stage: Stage) -> None:
    """Ten minutes unknown stand in the record; the protocol allows fifteen."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 10 + [None] + [5.1] * 20)
    assert log_of(receipt).unknown == "600"
    assert deviations(receipt) == []
    settled(site)


def test_a_log_that_ends_before_the_receipt_leaves_the_rest_unknown(stage: Stage) -> None:
    """A logger whose battery failed after two hours says nothing about the other three."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 12)
    log = log_of(receipt)
    assert log.unknown == str(int((log.ends - log.starts).total_seconds()) - 2 * 3600)
    assert log.gaps[0].startswith("logging ends 187 min before")
    assert deviations(receipt) == [("minor", "logger.transport.unknown")]
    assert held(receipt) == [BAG], "three hours of which nobody knows anything are not fine"
    settled(site)


def test_a_log_of_another_day_is_no_evidence(stage: Stage) -> None:
    """A file whose readings all lie before the hand-over leaves everything unknown; what the display showed is then typed."""
    site = arriving(stage)
    asked = asked_now(site, "transport")
    data = rows(GOOD, began=asked.starts - timedelta(days=2)).encode()
    log = read_figures(data, plain(), asked)
    receipt = site.do("transport", values=TYPED, logger=log)
    assert (log.readings, log.lowest) == (0, None)
    assert deviations(receipt) == [("minor", "logger.transport.unknown")]
    assert held(receipt) == [BAG]
    settled(site)


def test_rows_before_the_hand_over_and_after_the_receipt_are_not_counted(stage: Stage) -> None:
    """The logger lay warm on a desk before the hand-over, and after the receipt: neither is an excursion of the transport."""
    site = arriving(stage)
    asked = asked_now(site, "transport")
    data = rows([21.0] * 6 + [5.1] * 40 + [21.0] * 20, began=asked.starts - timedelta(minutes=70)).encode()
    log = read_figures(data, plain(), asked)
    receipt = site.do("transport", values=TYPED, logger=log)
    assert (log.rows, log.before, log.highest) == (66, 7, "5.1")
    assert held(receipt) == []
    settled(site)


def test_a_sensor_that_shows_what_cannot_be_is_a_finding_and_its_time_unknown(stage: Stage) -> None:
    """85 C for one reading is a fault of the sensor: the finding opens a deviation, and the ten minutes are unknown."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 10 + [85.0] + [5.1] * 20)
    log = log_of(receipt)
    assert (log.unknown, log.highest) == ("600", "5.1")
    assert "85 C is implausible" in log.findings[0]
    assert deviations(receipt) == [("minor", "logger.transport.findings")]
    settled(site)


# ------------------------------------------------------------------ frozen cells


@pytest.mark.parametrize(
    ("warmest", "follows"),
    [
        (-151.0, []),
        (-150.0, []),
        (-149.9, ["deviation.opened"]),
        (-129.9, ["deviation.opened", "material.quarantined"]),
    ],
)
def test_a_frozen_product_has_a_target_and_a_limit(stage: Stage, warmest: float, follows: list[str]) -> None:
    """Above -150 C is a minor deviation, above -130 C quarantine: both computed from the file, and no mean kinetic temperature."""
    site = arriving(stage, "product_transport")
    receipt = arrives(site, [-180.0] * 20 + [warmest] + [-180.0] * 10, "product_transport")
    assert names(receipt.facts) == ["transport.reported", "logger.read", *follows]
    assert log_of(receipt).kinetic_mean is None
    if "material.quarantined" in follows:
        assert site.now.materials[site.one("drug_product")].status == "quarantined"
    settled(site)


# ------------------------------------------------------------------ how long is too long


def lenient(stage: Stage, bound: str) -> Staged:
    """A study that allows some time above 8 C; Anna's cells arrive under it."""
    text = STUDY.read_text(encoding="utf-8")
    was = "        - {above: 8, otherwise: quarantine, source: common practice}\n"
    assert text.count(was) == 1
    text = text.replace(was, f"        - {bound}\n")
    text = text.replace(
        "         limits: [{at_most: 8, otherwise: quarantine, source: common practice}]}\n", "         }\n", 1
    )
    site = stage.site(read_protocol(text))
    site.play(ANNA, "transport")
    site.pass_(hours=5)
    return site


@pytest.mark.parametrize(("readings", "quarantined"), [(3, False), (4, True)])
def test_a_study_may_allow_some_minutes_outside(stage: Stage, readings: int, quarantined: bool) -> None:
    """Thirty minutes in all are allowed: exactly thirty are kept, forty are quarantined. Where they lie makes no difference."""
    site = lenient(stage, "{above: 8, longer_than: 30 min, otherwise: quarantine}")
    values = ([9.0, 5.0] * readings + [5.0] * 31)[:31]
    assert bool(held(arrives(site, values))) == quarantined
    settled(site)


def test_a_limit_of_one_stretch_counts_the_unknown_beside_it_as_outside(stage: Stage) -> None:
    """Nobody knows whether it was warm between two warm readings: for a limit at a time the gap counts as warm."""
    site = lenient(stage, "{above: 8, run_longer_than: 30 min, otherwise: quarantine}")
    assert held(arrives(site, [9.0, 9.0, 9.0] + [5.0] * 28)) == []
    gap = lenient(stage, "{above: 8, run_longer_than: 30 min, otherwise: quarantine}")
    receipt = arrives(gap, [9.0, None, None, 9.0] + [5.0] * 27)
    assert held(receipt) == [BAG]
    (quarantine,) = (f for f in receipt.facts if isinstance(f, MaterialQuarantined))
    assert "longest 10 min, perhaps 40 min with the unknown beside it" in quarantine.reason
    settled(site, gap)


# ------------------------------------------------------------------ a person and the file


def test_a_typed_value_that_the_file_contradicts_is_a_deviation_that_names_both(stage: Stage) -> None:
    """The courier typed 7.5 C from memory, the file says 14.5 C: both stand in the deviation, and the file's value counts."""
    site = arriving(stage)
    receipt = arrives(site, [5.1] * 10 + [14.5] + [5.1] * 20, entered={"highest": "7.5 C"})
    assert deviations(receipt) == [("minor", "logger.transport.differs")]
    assert held(receipt) == [BAG]
    (deviation,) = (f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert deviation.says == "highest was entered as 7.5 C, the log says 14.5 C"
    assert site.now.readings[site.due("transport").at, "highest"].value == "14.5"
    assert {r.name: r.value for f in receipt.facts if isinstance(f, TransportReported) for r in f.readings}[
        "highest"
    ] == "7.5"
    settled(site)


def test_a_value_typed_as_the_display_rounds_it_is_the_same(stage: Stage) -> None:
    """5 C on the display is 5.1 C in the file, rounded as it was typed."""
    site = arriving(stage)
    receipt = arrives(site, GOOD, entered={"lowest": "5 C", "highest": "5.1 C", "minutes_unknown": "0 min"})
    assert deviations(receipt) == []
    settled(site)


def test_nobody_types_another_value_over_a_computed_one(stage: Stage) -> None:
    """14.5 C came from the file. A correction by hand is refused; only another file, with its reason, can say otherwise."""
    site = arriving(stage)
    arrives(site, [5.1] * 10 + [14.5] + [5.1] * 20)
    for name, value in (("highest", "7.5 C"), ("minutes_unknown", "0 min"), ("logger_file", "a1" * 32)):
        with site.refused("logger.computed"):
            site.correct("transport", name, value, why="looks better")
    settled(site)


def test_without_a_file_values_are_typed_and_the_file_is_asked_for(stage: Stage) -> None:
    """A transport can be signed with typed values; they are held against their limits, and the worklist asks for the logger's file."""
    site = arriving(stage)
    receipt = site.do("transport", values={"highest": "12 C"})
    assert names(receipt.facts) == ["transport.reported", "material.quarantined"]
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "log")
    assert (item.step, item.material, item.roles) == ("transport", BAG, ("courier", "receiver"))
    settled(site)


# ------------------------------------------------------------------ the file comes later


def late(site: Staged, values: Sequence[float | str | None], by: str = "receiver.1", **more: object) -> Receipt:
    """The logger is read when the shipper has been opened."""
    _, log = of_step(site, "transport", values)
    return site.act(ReadLogger.model_validate({"step": "transport", "material": BAG, "logger": log, **more}), by)


def test_a_file_that_comes_after_the_signature_quarantines_in_its_own_record(stage: Stage) -> None:
    """The courier typed what the display showed; at the receipt the file is read, and says otherwise."""
    site = arriving(stage)
    site.do("transport", values={"highest": "7.5 C", "lowest": "5.1 C", "minutes_unknown": "0 min"})
    site.pass_(minutes=20)
    with site.refused("authority.role"):
        late(site, GOOD, by="ward.nurse.1")
    receipt = late(site, [5.1] * 10 + [14.5] + [5.1] * 20)
    assert names(receipt.facts) == ["logger.read", "material.quarantined", "deviation.opened"]
    assert deviations(receipt) == [("minor", "logger.transport.differs")]
    assert site.now.materials[BAG].status == "quarantined"
    assert site.now.readings[site.due("transport").at, "highest"].value == "14.5"
    with site.refused("record.once"):
        late(site, GOOD)
    settled(site)


def test_a_file_read_after_the_cells_were_used_quarantines_what_was_made_of_them(stage: Stage) -> None:
    """The collection is used up; what grows from it is quarantined, and the record says why."""
    site = stage.at("transduction")
    culture = site.one("intermediate")
    receipt = late(site, [30.0] * 6)
    assert culture in held(receipt)
    assert BAG not in held(receipt)
    with site.refused("material.quarantined"):
        site.perform("transduction")
    settled(site)


def test_an_excursion_that_is_found_after_release_quarantines_the_product_and_unreleases_nothing(stage: Stage) -> None:
    """QA's release stands as it was made; the released bag is held until QA decides again."""
    site = stage.at("product_hand_over")
    bag = site.one("drug_product")
    receipt = late(site, [30.0] * 6)
    assert bag in held(receipt)
    assert site.now.disposition is not None
    assert site.now.disposition.decision == "released"
    with site.refused("material.quarantined"):
        site.perform("product_hand_over")
    settled(site)


def test_the_wrong_file_is_replaced_by_the_right_one_with_a_reason_and_both_stay(stage: Stage) -> None:
    """Another shipment's file was read. The right one counts from now on; the quarantine that followed is QA's to lift."""
    site = arriving(stage)
    first = arrives(site, [5.1] * 10 + [14.5] + [5.1] * 20)
    second = late(site, GOOD, why="that was the logger of T-2's shipper")
    assert (names(second.facts), second.facts[0].why) == (["logger.read"], "that was the logger of T-2's shipper")  # type: ignore[attr-defined]
    at = site.due("transport").at
    assert site.now.readings[at, "highest"].value == "5.1"
    assert site.now.loggers[at].log == log_of(second) != log_of(first)
    assert site.now.materials[BAG].status == "quarantined"
    # Without a log before it, there is nothing to replace.
    other = arriving(stage)
    other.do("transport")
    with other.refused("correction.recorded"):
        late(other, GOOD, why="to be sure")
    settled(site, other)


def test_a_log_goes_with_the_act_that_does_not_stand(stage: Stage) -> None:
    """The courier takes the act back before the receiver signs: the log is gone with it, the quarantine protects until QA decides."""
    site = arriving(stage)
    _, log = of_step(site, "transport", [14.5] * 31)
    site.perform("transport", values=TYPED, logger=log)
    site.act(TakeBack(act=site.waiting().by.link, reason="wrong shipment"), "courier.1")
    assert site.now.loggers == {}
    assert site.now.materials[BAG].status == "quarantined"
    receipt = arrives(site, GOOD)
    assert held(receipt) == []
    settled(site)


def test_a_study_may_ask_for_the_log_at_the_receipt_instead(stage: Stage) -> None:
    """The file is read when the shipment is received: it covers the transport before it, and quarantines in the receipt's record."""
    text = STUDY.read_text(encoding="utf-8")
    begin = text.index("    logger:  ")
    block = text[begin : text.index("    records:\n", begin)]
    moved = block.replace("      from: hand_over.end\n", "      from: hand_over.end\n      until: transport.end\n")
    moved = "".join(line for line in moved.splitlines(keepends=True) if "fills:" not in line)
    text = text.replace(block, "", 1)
    file = '      - {name: logger_file, title: "Logger file, as it was read out", type: file, optional: true}\n'
    text = text.replace(file, "", 1)
    records = text.index("    records:\n", text.index("  - id: receipt\n"))
    text = text[:records] + moved + "    records:\n" + file + text[records + len("    records:\n") :]
    site = stage.site(read_protocol(text))
    site.play(ANNA, "transport")
    site.pass_(hours=5)
    site.do("transport")
    site.pass_(minutes=30)
    _, log = of_step(site, "receipt", [5.1] * 10 + [14.5] + [5.1] * 24)
    receipt = site.do("receipt", logger=log)
    assert log.ends == site.now.of_step("transport")[0].fact.ended
    assert held(receipt)[0] == BAG
    settled(site)


# ------------------------------------------------------------------ no file at all


def test_a_lost_logger_leaves_the_whole_transport_unknown(stage: Stage) -> None:
    """No logger, no evidence: all of the time is unknown, a major deviation and quarantine follow. What a display showed is typed."""
    site = arriving(stage)
    values = {"lowest": "4 C", "highest": "6 C", "minutes_unknown": None}
    receipt = site.do("transport", values=values, logger_lost="no logger in the shipper")
    assert names(receipt.facts)[:2] == ["transport.reported", "logger.lost"]
    (lost,) = (f for f in receipt.facts if isinstance(f, LoggerLost))
    assert lost.unknown == str(int((lost.ends - lost.starts).total_seconds()))
    assert sorted(deviations(receipt)) == [("major", "logger.transport.lost"), ("minor", "logger.transport.unknown")]
    assert held(receipt) == [BAG, BAG], "for the logger that is lost, and for the hours that nobody knows"
    assert site.now.readings[site.due("transport").at, "minutes_unknown"].value == "307"
    # The logger is found after all.
    found = late(site, GOOD, why="it had slipped under the packs")
    assert names(found.facts) == ["logger.read", "deviation.opened"], "4 and 6 C were typed, the file says 5.1"
    settled(site)


def test_no_value_need_be_invented_where_the_logger_is_lost(stage: Stage) -> None:
    """Lowest and highest may stay empty: an unknown temperature has no number."""
    site = arriving(stage)
    site.do("transport", values=TYPED, logger_lost="crushed")
    assert {name for (where, name) in site.now.readings if where.step == "transport"} == {"upright", "minutes_unknown"}
    other = arriving(stage)
    with other.refused("record.complete"):
        other.perform("transport", values=TYPED)
    settled(site, other)


# ------------------------------------------------------------------ figures that are not what they say


def test_figures_for_another_stretch_or_other_limits_are_refused(stage: Stage) -> None:
    """Whoever computes a shorter stretch, or leaves a limit out, records nothing."""
    site = arriving(stage)
    _, log = of_step(site, "transport", GOOD)
    shorter = log.model_copy(update={"starts": log.starts + timedelta(hours=4)})
    fewer = log.model_copy(update={"bands": log.bands[:1]})
    wrong = [
        (shorter, "logger.stretch"),
        (fewer, "logger.bands"),
        (log.model_copy(update={"inside": "99999999"}), "logger.sums"),
        (log.model_copy(update={"readings": 0}), "logger.sums"),
    ]
    for figures, rule in wrong:
        with site.refused(rule):
            site.perform("transport", values=TYPED, logger=figures)
    with site.refused("logger.file"):
        site.perform("transport", values={**TYPED, "logger_file": "a1" * 32}, logger=log)
    with site.refused("logger.lost"):
        site.perform("transport", values=TYPED, logger=log, logger_lost="and lost")
    with stage.at("apheresis").refused("logger.step"):
        stage.at("apheresis").perform("apheresis", logger=log)
    settled(site)


def test_a_record_that_hides_what_its_figures_say_is_found_by_the_audit(stage: Stage) -> None:
    """Somebody signs the figures of an excursion past the desk, without the quarantine: the audit names the record."""
    site = arriving(stage)
    arrives(site, GOOD)
    _, warm = of_step(site, "transport", [30.0] * 31)
    honest = late(stage.again(site), [30.0] * 31, why="wrong file before")
    (read,) = (f for f in honest.facts if isinstance(f, LoggerRead))
    assert read.log == warm
    other = arriving(stage)
    arrives(other, GOOD)
    link = other.forge([read], "receiver.1", meaning="corrected")
    (finding,) = audit(Reader(other.log), "T-1")
    assert finding.kind == "decision"
    assert "material.quarantined" in finding.says
    assert link

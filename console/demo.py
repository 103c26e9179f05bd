"""The demo: twelve patients of a study from consent to month 24, each a real Prefect flow run, on a simulated clock.

Everything is the real thing on its embedded default. The site's folder stays, so that every other command can be tried on it.
"""

from __future__ import annotations

import copy
import random
import secrets
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from console import demo_report, moving, remembered
from console.cast import Member, cast
from console.files import Files
from console.play import Play, Script
from console.rehearsal import device_code, lot_code
from console.scenes import scenes
from console.site import Site
from console.where import kafka_settings
from events.errors import Refused, UnbrokenError
from events.facts.base import Fact
from events.verify import verify
from events.zones import day_of
from flows.drive import drive
from flows.driver import Driver
from protocol import administration
from protocol.audit import audit_all
from protocol.desk import Desk, Sitting
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.surroundings import Actor

BEGINS = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SEED = 20260302
ACTS_A_TURN = 100
"""Acts between two turns of the driver: it takes what has changed since in one re-entry of each therapy's run."""
NAME = "Demo site"
PASSPHRASE = "demo-only-{account}"  # noqa: S105 - known to everybody on purpose, and printed


def run(
    folder: Path, protocol_text: str, told: Callable[[str], None], *, driver: bool = True, kafka: str | None = None
) -> int:
    """Play the demo into a new folder; returns the exit code: 0, or 1 if the verification has findings.

    Args:
        kafka: brokers that keep the log, in a new topic; None: a file of the folder does.
    """
    began = time.monotonic()
    _make_room(folder)
    protocol = read_protocol(protocol_text)
    told(f"[1/4] setting up a throw-away site in {folder}")
    stage = Stage(folder, protocol, protocol_text)
    told(f"      {len(stage.members)} people enrolled; log id {stage.site.log_id}")
    if kafka is not None:
        stage.go_to_kafka(kafka, lambda line: told(f"      {line}"))
    scripts = scenes(protocol)
    play = Play(
        stage.desk,
        protocol,
        scripts,
        stage.sitting,
        stage.site.set_clock,
        lambda name, says: told(stage.line(name, says)),
        Files(stage.site.folder).keep,
    )
    told(
        f"[2/4] {len(scripts)} patients, simulated time; Prefect's server starts meanwhile (10 to 25 s the first time)"
    )
    if driver:
        drive(
            stage.desk,
            stage.system,
            stage.site.prefect,
            lambda d: _play_with(play, scripts, d, told),
            told=lambda line: told(f"      {line}"),
            meanwhile=lambda: play.run(ACTS_A_TURN),
        )
    else:
        _play_without(play, scripts, stage)
    told(f"[3/4] {play.acts} acts signed, {stage.desk.log.size()} records; filling the views")
    from projections import views

    views.catch_up(stage.desk.log, stage.site.views_url)
    told("[4/4] verifying every record again, and auditing every decision")
    verification = verify(stage.desk.log, stage.site.log_id)
    verification.findings += audit_all(stage.desk, stage.site.now())
    for script in scripts:
        remembered.work_out(stage.site, stage.desk, script.patient.therapy, audited=True)
    checkpoint = stage.site.write_checkpoint()
    demo_report.show(stage.site, stage.desk, scripts, verification, checkpoint)
    told(f"Done in {time.monotonic() - began:.0f} s.")
    return 0 if verification.clean else 1


def _make_room(folder: Path) -> None:
    """Remove what an earlier demo left; anything else is nobody's to remove."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_demo(folder):
        raise Refused(
            "demo.folder",
            f"{folder} exists and was not made by a demo.",
            values={"folder": folder},
            advice="Name another folder with --keep; only an earlier demo's is replaced.",
        )
    shutil.rmtree(folder)


def _is_demo(folder: Path) -> bool:
    try:
        site = Site.open(folder)
    except UnbrokenError:
        return False
    return site.simulated and site.name == NAME


class Stage:
    """A throw-away site with its cast; the keys stay unlocked in memory, and rest under known passphrases on disk."""

    def __init__(self, folder: Path, protocol: StudyProtocol, text: str) -> None:
        self.members = cast(protocol)
        chance = self._chance = random.Random(SEED)
        self.site, self._keys = Site.create(
            folder,
            name=NAME,
            code="DEMO",
            zone="UTC",
            administrator=self.members[0],
            passphrases={m.account: PASSPHRASE.format(account=m.account) for m in self.members},
            random=chance.randbytes,
            simulated_from=BEGINS,
        )
        self.desk: Desk = self.site.desk(chance.randbytes)
        self.system = self.site.system()
        self._furnish(protocol, text)

    def _furnish(self, protocol: StudyProtocol, text: str) -> None:
        admin = self.sitting(self.members[0].account)
        self.desk.adopt(text, admin)
        for member in self.members[1:]:
            self._keys[member.account] = self.site.enrol(
                self.desk, admin, member, PASSPHRASE.format(account=member.account)
            )
        quality, other = self.sitting("quality.1"), self.sitting("quality.2")
        until = BEGINS + timedelta(days=1500)
        for member in self.members:
            signer = other if member.account == "quality.1" else quality
            self._train(protocol, member, signer, until)
        for name in sorted({n for s in protocol.steps for n in s.needs.lots}):
            self.desk.record(
                [f"lot/{lot_code(name)}"],
                partial(_lot, name, until),
                quality,
            )
        for name in sorted({n for s in protocol.steps for n in s.needs.devices}):
            self.desk.record(
                [f"device/{device_code(name)}"],
                partial(_device, name, until),
                quality,
            )

    def _train(self, protocol: StudyProtocol, member: Member, signer: Sitting, until: datetime) -> None:
        topics = {t for s in protocol.steps if set(member.roles) & set(s.performed_by) for t in s.needs.training}
        if topics:
            self.desk.record(
                [f"training/{member.person}"],
                lambda a, _: [administration.train(a, member.person, t, until) for t in sorted(topics)],
                signer,
            )

    def go_to_kafka(self, servers: str, told: Callable[[str], None]) -> None:
        """Keep the log in a new topic from now on."""
        topic = f"unbroken-demo-{secrets.token_hex(4)}"  # a broker may hold the topics of earlier demos
        moving.to_kafka(self.site, kafka_settings(servers, topic, None), None, told)
        self.desk = self.site.desk(self._chance.randbytes)

    def copied(self, folder: Path) -> Stage:
        """The same site and cast in another folder; founding one costs a scrypt for each of its people."""
        shutil.copytree(self.site.folder, folder)
        twin = copy.copy(self)
        twin.site = Site.open(folder)
        twin.desk = twin.site.desk()
        twin.system = twin.site.system()
        return twin

    def sitting(self, account: str) -> Sitting:
        return Sitting(account, self._keys[account])

    def line(self, therapy: str, says: str) -> str:
        return f"      {day_of(self.desk.clock(), self.desk.zone)}  {therapy}  {says}"


def _lot(name: str, until: datetime, actor: Actor, _authority: object) -> list[Fact]:
    return [administration.release_lot(actor, lot_code(name), name, until)]


def _device(name: str, until: datetime, actor: Actor, _authority: object) -> list[Fact]:
    return [administration.calibrate(actor, device_code(name), name, until)]


async def _play_with(play: Play, scripts: list[Script], driver: Driver, told: Callable[[str], None]) -> None:
    while True:
        played = play.run(ACTS_A_TURN)
        turned = await driver.turn()
        told(f"      {day_of(play.desk.clock(), play.desk.zone)}  {play.acts} acts; {turned.entered} flow runs re-entered, "
             f"{turned.tasks} task runs")  # fmt: skip
        play.wake()
        if not played and not turned.tasks and not _let_time_pass(play, scripts):
            break


def _play_without(play: Play, scripts: list[Script], stage: Stage) -> None:
    while True:
        played = play.run(ACTS_A_TURN)
        names = [script.patient.therapy for script in scripts]
        opened = [name for name in names if stage.desk.therapy(name).opened]
        turned = [name for name in opened if stage.desk.let_pass(name, stage.system)]
        play.wake()
        if not played and not turned and not _let_time_pass(play, scripts):
            break


def _let_time_pass(play: Play, scripts: list[Script]) -> bool:
    """Move the clock behind the next deadline that runs, so that what is missed is recorded; False if none runs."""
    strikes = [play.desk.next_deadline(script.patient.therapy) for script in scripts]
    following = min((when for when in strikes if when is not None), default=None)
    if following is None or following < play.desk.clock():
        return False
    play.set_clock(following + timedelta(minutes=1))
    return True

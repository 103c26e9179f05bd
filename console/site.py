"""A site's folder: its log, its people's keys, its views, its checkpoints. Whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.cast import Member
from events.authority import STREAM, SYSTEM
from events.checkpoint import Checkpoint, write_checkpoint
from events.envelope import seal
from events.errors import Corrupt, Refused, UnbrokenError
from events.facts import authority as facts
from events.heads import NOWHERE, Head
from events.instant import from_wire, to_wire
from events.judge import JUDGE_VERSION
from events.keys import FileKey, key_id, new_key, open_signer
from events.log_sqlite import SqliteLog
from events.statement import Statement
from protocol import administration
from protocol.decide import RULEBOOK
from protocol.desk import Desk, Receipt, Sitting

Random = Callable[[int], bytes]
SYSTEM_ACCOUNT = "system"


class Site:
    """An existing site. Use `open` or `create`."""

    def __init__(self, folder: Path, facts_of_site: dict[str, Any]) -> None:
        self.folder, self._facts = folder, facts_of_site
        self.name: str = facts_of_site["name"]
        self.code: str = facts_of_site["code"]
        self.zone = ZoneInfo(facts_of_site["zone"])
        self.log_id: str = facts_of_site["log"]
        self.simulated: bool = facts_of_site["simulated"]
        self._log: SqliteLog | None = None

    @staticmethod
    def open(folder: Path) -> Site:
        """Open a site's folder.

        Raises:
            Refused: there is no site here. Corrupt: its description cannot be read.
        """
        path = folder / "site.json"
        try:
            return Site(folder.absolute(), json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise Refused(
                "site.exists",
                f"There is no site at {folder}.",
                values={"folder": folder},
                advice="Name its folder with --site or UNBROKEN_SITE, or set one up: unbroken site init DIR.",
            ) from None
        except (ValueError, KeyError, TypeError, ZoneInfoNotFoundError) as problem:
            raise Corrupt(
                "site.description",
                f"{path} cannot be read ({problem}).",
                values={"path": path},
                advice="Restore it from the backup; the log itself is in log.db.",
            ) from problem

    @staticmethod
    def create(
        folder: Path,
        *,
        name: str,
        code: str,
        zone: str,
        administrator: Member,
        passphrases: Mapping[str, str],
        random: Random = os.urandom,
        simulated_from: datetime | None = None,
    ) -> tuple[Site, dict[str, FileKey]]:
        """Set a site up: genesis under the administrator's key, and the system's own key.

        Returns the site, and the keys of the administrator and the system, unlocked.

        Raises:
            Refused: the folder exists, the zone is unknown, or a passphrase is too short.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(
                "site.new",
                f"{folder} exists and is not empty.",
                values={"folder": folder},
                advice="Choose a new folder; a site is never overwritten.",
            )
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Refused(
                "site.zone",
                f"There is no time zone {zone!r}.",
                values={"zone": zone},
                advice="Write it as in the tz database, for example Europe/Berlin.",
            ) from None
        making = folder.absolute().with_name(folder.name + ".making")
        shutil.rmtree(making, ignore_errors=True)
        (making / "keys").mkdir(parents=True)
        try:
            keys = _fill(making, name, code, zone, administrator, passphrases, random, simulated_from)
            if folder.exists():
                folder.rmdir()
            making.rename(folder)  # a site appears whole or not at all
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return Site.open(folder), keys

    # ------------------------------------------------------------------ its parts

    @property
    def log(self) -> SqliteLog:
        """The log, checked to be the one that this site was set up with."""
        if self._log is None:
            log = SqliteLog(self.folder / "log.db")
            if log.id != self.log_id:
                raise Corrupt(
                    "site.log-id",
                    f"log.db is log {log.id[:16]}, this site's is {self.log_id[:16]}.",
                    advice="Stop: somebody has put another log here. Call QA.",
                )
            self._log = log
        return self._log

    def take_log(self, log: SqliteLog) -> None:
        """Use this log, whatever its id: `verify` must be able to look at a log that is not the pinned one."""
        self._log = log

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def move(self, folder: Path) -> None:
        """Move a site that was built beside to its place: it appears there whole, or not at all."""
        self.close()
        if folder.exists():
            folder.rmdir()  # fails unless it is empty, as `create` asked for
        self.folder.rename(folder)
        self.folder = folder.absolute()

    @property
    def views_url(self) -> str:
        """The database of the views."""
        return os.environ.get("UNBROKEN_DATABASE") or f"sqlite:///{self.folder / 'views.db'}"

    @property
    def prefect(self) -> Path:
        """Prefect's own folder."""
        return self.folder / "prefect"

    def now(self) -> datetime:
        """What time it is at this site; a simulated site keeps its own clock in clock.txt."""
        if not self.simulated:
            return datetime.now(UTC)
        try:
            return from_wire((self.folder / "clock.txt").read_text(encoding="ascii").strip())
        except (OSError, ValueError) as problem:
            raise Corrupt(
                "site.clock",
                f"The simulated clock of {self.folder} cannot be read ({problem}).",
                advice="Write a time such as 2026-03-02T08:00:00.000Z into clock.txt.",
            ) from problem

    def set_clock(self, moment: datetime) -> None:
        """Move a simulated site's clock."""
        path = self.folder / "clock.txt"
        making = path.with_name("clock.txt.making")
        making.write_text(to_wire(moment) + "\n", encoding="ascii")
        making.rename(path)

    def desk(self, random: Random = os.urandom) -> Desk:
        """The door of this site."""
        return Desk(self.log, self.now, random, site=self.code, simulated=self.simulated)

    # ------------------------------------------------------------------ people

    def key_path(self, account: str) -> Path:
        """Where an account's locked key lies."""
        return self.folder / "keys" / f"{account}.pem"

    def system(self) -> Sitting:
        """The system's own key, whose passphrase lies beside it for the driver alone."""
        secret = self.folder / "keys" / "system.passphrase"
        try:
            passphrase = secret.read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise Refused(
                "authority.system",
                f"The system's own passphrase cannot be read ({problem}).",
                advice="Restore keys/system.passphrase, readable by this user alone.",
            ) from problem
        key = open_signer(f"file:{self.key_path(SYSTEM_ACCOUNT)}", passphrase)
        if key is None:
            raise Refused(
                "authority.system",
                "The system's own passphrase does not open its key.",
                advice="Restore keys/system.pem and keys/system.passphrase from the same backup.",
            )
        return Sitting(SYSTEM_ACCOUNT, key)

    def sitting(self, account: str, passphrase: str) -> Sitting:
        """Unlock somebody's key: two components, each time (21 CFR 11.200). Wrong passphrases are recorded.

        Raises:
            Refused: unknown account, locked account, or wrong passphrase.
        """
        desk = self.desk()
        desk.actor(account)
        failures = desk.failures_in_a_row(account)
        if failures >= administration.MOST_FAILURES:
            raise Refused(
                "authority.locked",
                f"Account {account} is locked after {failures} wrong passphrases in a row.",
                values={"account": account, "failures": failures},
                advice=f"A supervisor unlocks it: unbroken unlock {account}. Meanwhile another qualified person takes over.",
            )
        key = open_signer(f"file:{self.key_path(account)}", passphrase)
        if key is None:
            raise self._wrong_passphrase(desk, account, failures + 1)
        if failures:
            self._signed_in(desk, facts.SignInSucceeded(account=account))
        return Sitting(account, key)

    def _wrong_passphrase(self, desk: Desk, account: str, failures: int) -> Refused:
        self._signed_in(desk, facts.SignInFailed(account=account, in_a_row=failures))
        left = administration.MOST_FAILURES - failures
        return Refused(
            "authority.passphrase",
            f"The passphrase of {account} is wrong; {failures} in a row, {max(left, 0)} left before the account is locked.",
            values={"account": account, "failures": failures, "left": max(left, 0)},
            advice="Type it again. The attempt was recorded.",
        )

    def _signed_in(self, desk: Desk, fact: facts.SignInFailed | facts.SignInSucceeded) -> None:
        desk.record([f"account/{fact.account}"], lambda _a, _b: [fact], self.system(), "recorded")

    def enrol(
        self, desk: Desk, admin: Sitting, member: Member, passphrase: str, random: Random = os.urandom
    ) -> FileKey:
        """Enrol somebody: the locked key on disk first, then the record; a key that nobody enrolled signs nothing.

        Raises:
            Refused: see `administration.enrol`; then no key is left behind.
        """
        key = new_key(random)
        path = self.key_path(member.account)
        if path.exists() and member.account in desk.log.authority().people:
            desk.authorise(lambda a, b: [_enrolment(desk, a, b, member, key)], admin)  # says no, with its reason
        _write_secret(path, key.locked(passphrase, random))
        try:
            desk.authorise(lambda a, b: [_enrolment(desk, a, b, member, key)], admin)
        except UnbrokenError:
            path.unlink()
            raise
        return key

    def add_key(
        self, desk: Desk, admin: Sitting, account: str, passphrase: str, why: str, random: Random = os.urandom
    ) -> Receipt:
        """Give an account a further key; the old key file is kept beside, under the old key's id.

        Raises:
            Refused: see `administration.add_key`; then the old key file stays as it was.
        """
        key, path = new_key(random), self.key_path(account)
        fresh = path.with_name(f"{account}.{key_id(key.public)[:12]}.new")
        _write_secret(fresh, key.locked(passphrase, random))
        try:
            receipt = desk.authorise(lambda a, b: [administration.add_key(a, b, account, key.public, why)], admin)
        except UnbrokenError:
            fresh.unlink()
            raise
        if path.exists():
            path.rename(path.with_name(f"{account}.before-{key_id(key.public)[:12]}.pem"))
        fresh.rename(path)
        return receipt

    # ------------------------------------------------------------------ checkpoints

    def write_checkpoint(self, path: Path | None = None) -> Path:
        """Write a signed checkpoint of the log as it stands."""
        tree = self.log.tree()
        note = write_checkpoint(Checkpoint(self.log_id, tree.size, tree.root()), self.system().signer)
        target = path or self.folder / "checkpoints" / f"{tree.size:09d}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        making = target.with_name(target.name + ".making")
        making.write_text(note, encoding="utf-8")
        making.rename(target)
        return target

    def checkpoint_keys(self) -> list[bytes]:
        """The public keys that may have signed a checkpoint: every key of the system's own account."""
        return [key.public for key in self.log.authority().keys.values() if key.account == SYSTEM_ACCOUNT]


def _enrolment(desk: Desk, actor: Any, authority: Any, member: Member, key: FileKey) -> Any:
    return administration.enrol(
        actor,
        authority,
        administration.known_roles(desk.protocols()),
        person=member.person,
        account=member.account,
        printed_name=member.printed_name,
        public=key.public,
        roles=member.roles,
    )


def _fill(
    folder: Path,
    name: str,
    code: str,
    zone: str,
    administrator: Member,
    passphrases: Mapping[str, str],
    random: Random,
    simulated_from: datetime | None,
) -> dict[str, FileKey]:
    root, own = new_key(random), new_key(random)
    now = simulated_from or datetime.now(UTC)
    secret = random(24).hex()
    _write_secret(
        folder / "keys" / f"{administrator.account}.pem", root.locked(passphrases[administrator.account], random)
    )
    _write_secret(folder / "keys" / "system.pem", own.locked(secret, random))
    _write_secret(folder / "keys" / "system.passphrase", (secret + "\n").encode())
    person = facts.PersonEnrolled(
        person=administrator.person,
        account=administrator.account,
        printed_name=administrator.printed_name,
        public_key=root.public.hex(),
        roles=administrator.roles,
    )
    opened = facts.LogOpened(
        site=name, zone=zone, root=person, judge=JUDGE_VERSION, simulated=simulated_from is not None
    )
    statement = Statement(
        id=random(16).hex(),
        log=None,
        subject=STREAM,
        heads={STREAM: Head(0, NOWHERE)},
        happened=now,
        recorded=now,
        person=administrator.person,
        account=administrator.account,
        key=key_id(root.public),
        meaning="authorised",
        rulebook=RULEBOOK,
        facts=(opened.to_wire(),),
    )
    log = SqliteLog.create(folder / "log.db", seal(statement.payload(), root).value())
    about = {"name": name, "code": code, "zone": zone, "log": log.id, "simulated": simulated_from is not None}
    (folder / "site.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    if simulated_from is not None:
        (folder / "clock.txt").write_text(to_wire(simulated_from) + "\n", encoding="ascii")
    desk = Desk(log, lambda: now, random, site=code)
    enrolled = facts.PersonEnrolled(
        person="SYSTEM", account=SYSTEM_ACCOUNT, printed_name="Unbroken, the system itself",
        public_key=own.public.hex(), roles=(SYSTEM,),
    )  # fmt: skip
    desk.authorise(lambda _a, _b: [enrolled], Sitting(administrator.account, root))
    log.close()
    return {administrator.account: root, SYSTEM_ACCOUNT: own}


def _write_secret(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

"""A site's folder: its log, its people's keys, its views, its checkpoints. Whole or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.show import say
from events.checkpoint import Checkpoint, write_checkpoint
from events.errors import Corrupt, Refused, UnbrokenError
from events.instant import from_wire, to_wire
from events.keys import FileKey, open_signer
from events.reading import last_recorded
from events.zones import zone_of

# The rulebook is imported where somebody acts: a look at a site whose answer is known already needs none of it.
if TYPE_CHECKING:
    from console.cast import Member
    from events.evidence import Evidence
    from events.log import EventLog
    from protocol.desk import Desk, Receipt, Sitting

Random = Callable[[int], bytes]
SYSTEM_ACCOUNT = "system"


class Site:
    """An existing site. Use `open` or `create`."""

    def __init__(self, folder: Path, facts_of_site: dict[str, Any]) -> None:
        self.folder, self._facts = folder, facts_of_site
        self.name: str = facts_of_site["name"]
        self.code: str = facts_of_site["code"]
        self.zone = zone_of(facts_of_site["zone"])
        self.log_id: str = facts_of_site["log"]
        self.simulated: bool = facts_of_site["simulated"]
        self.system_account: str = facts_of_site.get("system", SYSTEM_ACCOUNT)
        self.kafka: dict[str, Any] | None = facts_of_site.get("kafka")
        self._log: EventLog | None = None

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
        except (ValueError, KeyError, TypeError) as problem:
            raise Corrupt(
                "site.description",
                f"{path} cannot be read ({problem}).",
                values={"path": path},
                advice="Restore it from the backup; the log itself is in log.db, or in Kafka, and is not touched.",
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
        from console.creation import create

        keys = create(folder, name, code, zone, administrator, passphrases, random, simulated_from)
        return Site.open(folder), keys

    # ------------------------------------------------------------------ its parts

    @property
    def log(self) -> EventLog:
        """The log, checked to be the one that this site was set up with."""
        if self._log is None:
            log = self.open_log(self.log_id)
            if log.id != self.log_id:
                log.close()
                raise Corrupt(
                    "site.log-id",
                    f"log.db is log {log.id[:16]}, this site's is {self.log_id[:16]}.",
                    advice="Stop: somebody has put another log here. Call QA.",
                )
            self._log = log
            if left := log.authority().left.get(log.place):
                # Reading goes on: it is the log's past. But nobody must take it for the present.
                say(
                    f"Attention: this log was moved away from here and goes on at {left}; what follows is its past. "
                    "Tell this site where it is: unbroken log use."
                )
        return self._log

    def open_log(self, log_id: str | None = None) -> EventLog:
        """The log as it is kept, whatever its id."""
        from console.where import open_log

        return open_log(self.folder, self.kafka, log_id)

    def evidence(self) -> tuple[Evidence, Corrupt | None]:
        """What is kept of the log here, to be judged anew; and why a copy of a topic could not be followed to its end.

        Raises:
            Unavailable, Refused: the log cannot be reached, or not be read at all.
        """
        from console.where import COPY, FILE
        from events.evidence import Evidence

        if self.kafka is None:
            return Evidence(self.folder / FILE), None
        problem: Corrupt | None = None
        try:
            with closing(self.open_log()) as log:
                return log.evidence(), None
        except Corrupt as found:
            problem = found
        try:
            return Evidence(self.folder / COPY, f"kafka:{self.kafka['topic_id']}"), problem
        except UnbrokenError:
            raise problem from None  # there is no copy that could be judged

    def take_log(self, log: EventLog) -> None:
        """Use this log, whatever its id: `verify` must be able to look at a log that is not the pinned one."""
        self._log = log

    def keep_at(self, kafka: dict[str, Any] | None) -> None:
        """From now on the log is kept in this topic; None: in a file of the folder."""
        self.close()
        about = {name: value for name, value in self._facts.items() if name != "kafka"}
        self.kafka = kafka
        self._describe(about if kafka is None else {**about, "kafka": kafka})

    def stand_in(self, zone: str) -> None:
        """From now on the site stands in this zone: each record that is signed here says so; what was signed keeps its own.

        Raises:
            Refused: there is no such zone.
        """
        from console.creation import refuse_zone

        refuse_zone(zone)
        self.zone = zone_of(zone)
        self._describe({**self._facts, "zone": zone})

    def _describe(self, facts_of_site: dict[str, Any]) -> None:
        self._facts = facts_of_site
        making = self.folder / "site.json.making"
        making.write_text(json.dumps(self._facts, indent=2) + "\n", encoding="utf-8")
        making.rename(self.folder / "site.json")

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
        """What time it is at this site; a simulated site keeps its own clock in clock.txt.

        Without that file, as after a restore, it is as late as the log's last record was signed.
        """
        if not self.simulated:
            return datetime.now(UTC)
        try:
            return from_wire((self.folder / "clock.txt").read_text(encoding="ascii").strip())
        except FileNotFoundError:
            return last_recorded(self.log)
        except (OSError, ValueError) as problem:
            raise Corrupt(
                "site.clock",
                f"The simulated clock of {self.folder} cannot be read ({problem}).",
                advice="Write a time such as 2026-03-02T08:00:00.000Z into clock.txt, or remove it: the log's last record says.",
            ) from problem

    def set_clock(self, moment: datetime) -> None:
        """Move a simulated site's clock."""
        path = self.folder / "clock.txt"
        making = path.with_name("clock.txt.making")
        making.write_text(to_wire(moment) + "\n", encoding="ascii")
        making.rename(path)

    def desk(self, random: Random = os.urandom) -> Desk:
        """The door of this site."""
        from protocol.desk import Desk

        return Desk(self.log, self.now, random, site=self.code, simulated=self.simulated, zone=self.zone.key)

    # ------------------------------------------------------------------ people

    def key_path(self, account: str) -> Path:
        """Where an account's locked key lies.

        Raises:
            Refused: what is given is no name of an account, but perhaps a path.
        """
        if not re.fullmatch(r"[a-z][a-z0-9._\-]{1,31}", account, re.ASCII):
            raise Refused(
                "authority.account-form",
                f"{account!r} is no name of an account.",
                values={"account": account},
                advice="2 to 32 of a-z, 0-9, dot, underscore and hyphen, a letter first.",
            )
        return self.folder / "keys" / f"{account}.pem"

    def system(self) -> Sitting:
        """The system's own key, whose passphrase lies beside it for the driver alone."""
        from protocol.desk import Sitting

        try:
            passphrase = self.secret().decode().strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise Refused(
                "authority.system",
                f"The system's own passphrase cannot be read ({problem}).",
                advice="Restore keys/system.passphrase, readable by this user alone.",
            ) from problem
        key = open_signer(f"file:{self.key_path(self.system_account)}", passphrase)
        if key is None:
            raise Refused(
                "authority.system",
                "The system's own passphrase does not open its key.",
                advice="Restore keys/system.pem and keys/system.passphrase from the same backup.",
            )
        return Sitting(self.system_account, key)

    def secret(self) -> bytes:
        """What only this site's own programs may read: the file with the system's passphrase."""
        return (self.folder / "keys" / "system.passphrase").read_bytes()

    def sitting(self, account: str, passphrase: str) -> Sitting:
        """Unlock somebody's key; see `console.keyring.sitting`."""
        from console import keyring

        return keyring.sitting(self, account, passphrase)

    def enrol(
        self, desk: Desk, admin: Sitting, member: Member, passphrase: str, random: Random = os.urandom
    ) -> FileKey:
        """Enrol somebody; see `console.keyring.enrol`."""
        from console import keyring

        return keyring.enrol(self, desk, admin, member, passphrase, random)

    def add_key(
        self, desk: Desk, admin: Sitting, account: str, passphrase: str, why: str, random: Random = os.urandom
    ) -> Receipt:
        """Give an account a further key; see `console.keyring.add_key`."""
        from console import keyring

        return keyring.add_key(self, desk, admin, account, passphrase, why, random)

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

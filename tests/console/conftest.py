"""A site with staff, keys on disk and two patients on their way, made once and copied for each test."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from console.cast import cast
from console.site import Site
from protocol.desk import Sitting
from tests.console.cli import ANNA, BRUNO, Cli, phrase
from tests.stage import START, Clock, Staged, _equip, study

PROTOCOL = study()


def grow(folder: Path, play: Callable[[Staged], None]) -> Path:
    """A site with staff and keys on disk, on which something was played; the clock is simulated and stands a little later."""
    members, chance = cast(PROTOCOL), random.Random(7)
    phrases = {member.account: phrase(member.account) for member in members}
    site, keys = Site.create(
        folder, name="Test site", code="TEST", zone="Europe/Berlin", administrator=members[0], passphrases=phrases,
        random=chance.randbytes, simulated_from=START,
    )  # fmt: skip
    desk, admin = site.desk(chance.randbytes), Sitting("admin", keys["admin"])
    desk.adopt(PROTOCOL.text, admin)
    for member in members[1:]:
        keys[member.account] = site.enrol(desk, admin, member, phrases[member.account], chance.randbytes)
    staged = Staged(site.log, PROTOCOL, Clock(START))
    staged._signers |= {account: Sitting(account, key) for account, key in keys.items()}
    _equip(staged, members)
    play(staged)
    site.set_clock(staged.clock() + timedelta(hours=1))
    site.close()
    return folder


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna waits for her collection; Bruno's has been labelled."""

    def play(staged: Staged) -> None:
        staged.play(BRUNO, "hand_over", late=False)
        staged.play(ANNA, "apheresis", late=False)

    return grow(tmp_path_factory.mktemp("grown") / "site", play)


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna's product waits for QA, and its viability is out of specification."""

    def play(staged: Staged) -> None:
        staged.play(ANNA, "test_viability")
        staged.do("test_viability", values={"viability": "55 %"})
        staged.play(ANNA, "disposition")

    return grow(tmp_path_factory.mktemp("failing") / "site", play)


@pytest.fixture
def failed(failing: Path, tmp_path: Path) -> Cli:
    """The command line on a copy of the site whose product failed."""
    folder = tmp_path / "site"
    shutil.copytree(failing, folder)
    return Cli(folder)


@pytest.fixture
def cli(grown: Path, tmp_path: Path) -> Cli:
    """The command line on a copy of that site."""
    folder = tmp_path / "site"
    shutil.copytree(grown, folder)
    return Cli(folder)

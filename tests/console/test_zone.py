"""A site moves to another time zone, and days are typed as days."""

from __future__ import annotations

import pytest

from console.site import Site
from events.reading import Record, read_record
from tests.console.cli import ANNA, Cli

pytestmark = pytest.mark.story


def last(cli: Cli) -> Record:
    """The record that was signed last."""
    site = Site.open(cli.folder)
    try:
        return read_record([*site.log.read()][-1])
    finally:
        site.close()


def test_a_site_that_moves_says_its_new_zone_in_each_record_from_then_on(cli: Cli) -> None:
    """What was signed before keeps its days; a zone that does not exist is refused, and the site stays where it was."""
    before = cli.ok("site", "show", "--json").json["zone"]
    cli.refused("site.zone", "site", "zone", "Asia/Shangri-La")
    assert cli.ok("site", "show", "--json").json["zone"] == before
    calendar = cli.ok("schedule", ANNA.therapy, "--json").json
    assert "stands in Asia/Shanghai from now on" in cli.ok("site", "zone", "Asia/Shanghai").out
    assert cli.ok("site", "show", "--json").json["zone"] == "Asia/Shanghai"
    assert cli.ok("schedule", ANNA.therapy, "--json").json == calendar
    cli.ok("lot", "release", "LOT-DAY", "--item", "collection_kit", "--expires", "2027-01-31", by="quality.1")
    released, stated = last(cli).statement.facts
    assert (released["fact"], released["expires"]) == ("lot.released.v1", "2027-01-31")
    assert stated == {"fact": "zone.stated.v1", "zone": "Asia/Shanghai"}
    cli.ok("verify")


def test_days_are_typed_as_days_and_a_day_that_does_not_exist_is_refused(cli: Cli) -> None:
    """Expiry, calibration, training: a day, or a time; 30 February is neither."""
    release = ["lot", "release", "LOT-DAY", "--item", "collection_kit", "--expires"]
    cli.refused("time.form", *release, "2027-02-30", by="quality.1")
    cli.refused("time.form", *release, "27-02-01", by="quality.1")
    cli.ok(*release, "2027-01-31T12:00Z", by="quality.1")
    assert last(cli).statement.facts[0]["expires"] == "2027-01-31T12:00:00.000Z"
    cli.ok("device", "calibrated", "SEP-9", "--item", "cell_separator", "--due", "2027-01-31", by="quality.1")
    assert last(cli).statement.facts[0]["due"] == "2027-01-31"
    cli.ok("training", "record", "operator.1", "--topic", "expansion", "--until", "2027-01-31", by="quality.1")
    assert last(cli).statement.facts[0]["until"] == "2027-01-31"

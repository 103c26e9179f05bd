"""Time that is left, whatever the hour: what is shown, what can be chosen, and what strikes agree to the minute."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.course import DeadlineMissed
from protocol.commands import ChooseOption, ReportIncident
from protocol.decide import decide
from protocol.incidents import closed, open_for, undecided
from protocol.running import left, length, running
from protocol.surroundings import Surroundings
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property


def missed(stage: Stage) -> Staged:
    """A pick-up that did not come, reported ten minutes after the labels were on."""

    def make(site: Staged) -> None:
        site.play(site.patient, "hand_over")
        site.pass_(minutes=10)
        site.act(ReportIncident(name="missed_pickup", says="nobody came"), "scheduler.1")

    return stage.of("a pick-up that did not come", make)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seconds=st.integers(20 * 60, 60 * 3600))
def test_what_is_shown_is_what_can_be_chosen_and_what_strikes(stage: Stage, seconds: int) -> None:
    """At any second: an option is closed exactly when its time is over, a threshold has struck exactly when none is left."""
    site = missed(stage)
    begun = site.now.of_step("apheresis")[0].fact.ended
    now = begun + timedelta(seconds=seconds)
    ((happening, spec),) = undecided(site.now, site.protocol)
    for option in spec.options:
        over = option.until is not None and option.until.within.exact < now - begun
        assert bool(closed(site.now, site.protocol, happening, option, now)) == over
        around = Surroundings(now=now, actor=site.desk.actor("coordinator.1"), zone="UTC")
        choice = ChooseOption(incident="I-1", option=option.id, why="the best that is left")
        if over:
            with site.refused("incident.option-over"):
                decide(site.now, site.protocol, choice, around)
        else:
            decide(site.now, site.protocol, choice, around)
            assert not open_for(site.now, site.protocol, happening, option, now).startswith("-")
    (clock,) = running(site.now, site.protocol, happening.materials)
    site.clock.now = now
    struck = {fact.deadline for fact in site.desk.due_by_itself("T-1").facts if isinstance(fact, DeadlineMissed)}
    for strike in clock.strikes:
        told = left(clock, now)
        words = {True: f"({strike.limit.at}) {length(now - strike.due)} ago", False: f"({strike.limit.at})"}
        assert words[strike.due < now] in told
        assert (strike.name in struck) == (strike.due < now)


@given(minutes=st.integers(0, 10_000))
def test_a_length_of_time_in_words_is_the_length(minutes: int) -> None:
    """What a person reads adds up again: to the minute, and to the hour from three days on."""
    words = length(timedelta(minutes=minutes)).split()
    of = {"d": 1440, "h": 60, "min": 1}
    read = sum(int(number) * of[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert read == (minutes if minutes < 3 * 1440 else minutes - minutes % 60)

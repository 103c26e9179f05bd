"""Who may record a fact of the site itself. The judge knows no medicine, so a reader asks here before it believes one."""

from __future__ import annotations

import hashlib
from typing import Protocol

from events.authority import SYSTEM
from events.errors import Refused
from events.facts import authority, cohorts, environment, site
from events.facts.base import Fact
from events.reading import Record
from protocol import administration, changeover
from protocol.cohorts import cohort_stream, known_cohort
from protocol.file import terms_fit
from protocol.model import StudyProtocol
from protocol.roles import check_role
from protocol.surroundings import Actor


class Actors(Protocol):
    """Somebody who knows who acted under an account, before a position."""

    def actor(self, account: str, before: int | None = None) -> Actor:
        """The actor.

        Raises:
            Refused: nobody is enrolled under that account.
        """

    def protocols(self, before: int | None = None) -> list[StudyProtocol]:
        """Every study that was adopted."""

    def protocol(self, digest: str) -> StudyProtocol:
        """An adopted protocol.

        Raises:
            Refused: the log holds no such protocol.
        """


def not_entitled(actors: Actors, record: Record, fact: Fact) -> str:
    """Why the signer might not record this fact in this stream, in a sentence; nothing if all is well."""
    try:
        actor = actors.actor(record.statement.account, record.position)
        belongs = _stream_of(actors, actor, fact, record.position)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    subject = record.statement.subject
    if belongs is None:
        return f"{fact.wire} does not belong into {subject}"
    return "" if belongs == subject else f"{fact.wire} belongs into {belongs}, not {subject}"


def _stream_of(actors: Actors, actor: Actor, fact: Fact, before: int) -> str | None:
    match fact:
        case site.LotReleased():
            administration.release_lot(actor, fact.lot, fact.item, fact.expires)
            return f"lot/{fact.lot}"
        case site.LotRecalled() | site.LotRecallContinued():
            administration.recall_lot(actor, fact.lot, fact.reason)
            return f"lot/{fact.lot}"
        case site.DeviceCalibrated():
            administration.calibrate(actor, fact.device, fact.item, fact.due)
            return f"device/{fact.device}"
        case environment.EnvironmentReported():
            administration.monitor(actor)
            return f"room/{fact.room}"
        case environment.RoomChangedOver():
            changeover.may_change_over(actor, actors.protocols(before))
            return f"room/{fact.room}"
        case environment.RoomCleared():
            changeover.may_clear(actor, actors.protocols(before))
            return f"room/{fact.room}"
        case cohorts.CohortStopped() | cohorts.CohortReopened():
            protocol = actors.protocol(fact.digest)
            rules = known_cohort(protocol, fact.cohort)
            stops = isinstance(fact, cohorts.CohortStopped)
            roles = rules.stopped_by if stops else tuple(role for one in rules.reopened_by for role in one)
            check_role(roles, actor, f"decide on cohort {fact.cohort}")
            return cohort_stream(protocol, fact.cohort) if fact.study == protocol.protocol.id else None
        case site.TrainingRecorded():
            administration.train(actor, fact.person, fact.topic, fact.until)
            return f"training/{fact.person}"
        case site.ProtocolAdopted():
            administration.may_adopt(actor)
            true = hashlib.sha256(fact.text.encode()).hexdigest()
            return f"protocol/{fact.digest}" if fact.digest == true and terms_fit(fact.text, fact.terms) else None
        case authority.SignInFailed() | authority.SignInSucceeded():
            return f"account/{fact.account}" if SYSTEM in actor.roles else None
        case authority.AccountUnlocked():
            own = actors.actor(fact.account).person
            administration.unlock(actor, fact.account, administration.MOST_FAILURES, fact.why, own)
            return f"account/{fact.account}"
        case _:
            return None

"""The lease in PostgreSQL: one at a time, given back by the server when its holder dies, noticed by a holder that lost it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from events.errors import Unavailable
from flows.lease import LeaseHeld, who
from flows.lease_postgres import GRACE, LEASH, PostgresLease, holder_in
from tests.flows.conftest import wait_for
from tests.servers.postgres import OwnPostgres, Postgres

LOG = "ab" * 32
_HOLD = """
import sys
from flows.lease_postgres import PostgresLease
lease = PostgresLease(sys.argv[1], sys.argv[2], "driver")
lease.take()
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def waits() -> list[float]:
    """How long a lease has waited, without waiting."""
    return []


@pytest.fixture
def two(pg_url: str, waits: list[float]) -> Iterator[tuple[PostgresLease, PostgresLease]]:
    """Two who want the same lease."""
    pair = (PostgresLease(pg_url, LOG, "driver", waits.append), PostgresLease(pg_url, LOG, "driver", waits.append))
    yield pair
    for lease in pair:
        lease.free()


def test_one_holds_it_and_the_other_learns_who(
    two: tuple[PostgresLease, PostgresLease], pg_url: str, waits: list[float]
) -> None:
    """The second is told process and machine; given back in order, the lease is had at once."""
    first, second = two
    first.take()
    first.take()
    assert first.held()
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()} on "):
        second.take()
    assert not second.held()
    assert who(holder_in(pg_url, LOG, "driver") or {}).startswith(f"process {os.getpid()} on ")
    first.free()
    assert not first.held()
    assert holder_in(pg_url, LOG, "driver") is None
    second.take()
    assert second.held()
    assert waits == []


def test_roles_and_logs_have_leases_of_their_own(pg_url: str) -> None:
    """A projector beside a driver, and another site in the same database, are in nobody's way."""
    leases = [PostgresLease(pg_url, log, role) for log in (LOG, "cd" * 32) for role in ("driver", "projector")]
    for lease in leases:
        lease.take()
    assert all(lease.held() for lease in leases)
    for lease in leases:
        lease.free()


def test_a_holder_that_was_killed_leaves_it_to_the_next(pg_url: str, waits: list[float]) -> None:
    """kill -9: the server takes the lock back; who comes next waits a moment, as it can't know that the other is dead."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, pg_url, LOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "taken\n"
    lease = PostgresLease(pg_url, LOG, "driver", waits.append)
    with pytest.raises(LeaseHeld, match=f"process {holder.pid} "):
        lease.take()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    def taken() -> bool:
        try:
            lease.take()
        except LeaseHeld:
            return False
        return True

    wait_for(taken, 10, "the server has taken it back")
    assert waits == [GRACE]
    lease.free()


def test_a_holder_whose_session_was_ended_notices_before_another_begins(
    two: tuple[PostgresLease, PostgresLease], postgres: Postgres, waits: list[float]
) -> None:
    """The server lets go at once; the holder knows within its leash, and the next one waits longer than that."""
    first, second = two
    first.take()
    postgres.say("SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                 " WHERE locktype = 'advisory' AND application_name = 'unbroken driver'")  # fmt: skip
    began = time.monotonic()
    second.take()
    assert waits == [GRACE]
    wait_for(lambda: not first.held(), LEASH, "the first one has noticed")
    assert time.monotonic() - began < LEASH < GRACE
    with pytest.raises(LeaseHeld):
        first.take()
    second.free()
    first.take()
    assert first.held()


def test_a_server_that_freezes_or_dies_ends_the_right_to_work(mortal_postgres: OwnPostgres) -> None:
    """Without an answer nobody may go on believing; when the server is back the same holder need not wait."""
    waits: list[float] = []
    lease = PostgresLease(mortal_postgres.make(), LOG, "driver", waits.append)
    lease.take()
    ((backend,),) = mortal_postgres.say("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
    os.kill(int(backend), signal.SIGSTOP)
    wait_for(lambda: not lease.held(), LEASH + 1, "a frozen server is no answer")
    os.kill(int(backend), signal.SIGCONT)
    wait_for(lease.held, 3, "it answers again, and the lock stood")
    mortal_postgres.crash()
    wait_for(lambda: not lease.held(), LEASH, "a dead server is noticed")
    with pytest.raises(Unavailable, match=r"views\.database"):
        lease.take()
    mortal_postgres.again()
    lease.take()
    assert lease.held()
    assert waits == []
    lease.free()

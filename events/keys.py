"""Ed25519 keys: who can sign. A signer is chosen by URI, so a smart card or an HSM can come later.

A key's id is the SHA-256 of its SubjectPublicKeyInfo (RFC 8410). Private keys rest as encrypted PKCS#8: PBES2 with
scrypt (RFC 7914 §7) and AES-256-CBC. libsodium's rule of verification is THE rule (see `docs/record-format.md`).
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from events.errors import Corrupt, Refused

# Whoever only verifies needs libsodium alone; the library for private keys is imported where one is touched (25 ms).
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""DER of an Ed25519 SubjectPublicKeyInfo up to the 32 bytes of the key (RFC 8410 §4)."""
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
"""OWASP's parameters for 16 MiB: OpenSSL's command line opens no scrypt file that needs more than 32 MiB."""
SMALLEST_PASSPHRASE = 8


def key_id(public: bytes) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""
    return hashlib.sha256(SPKI_PREFIX + public).hexdigest()


def is_sound(public: bytes) -> bool:
    """Whether a public key may be enrolled: canonical, on the curve, in the main subgroup, not of small order."""
    return len(public) == 32 and bool(crypto_core_ed25519_is_valid_point(public))


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether libsodium accepts the signature (RFC 8032 §5.1.7, S below L, no small-order R or key)."""
    if len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


class Signer(Protocol):
    """Someone's unlocked key."""

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature over `message`."""


class FileKey:
    """A key unlocked from an encrypted file, held for one act or one sitting."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        """Sign with the private key."""
        return self._private.sign(message)

    @staticmethod
    def from_seed(seed: bytes) -> FileKey:
        """The key of a 32-byte seed (RFC 8032 §5.1.5)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return FileKey(Ed25519PrivateKey.from_private_bytes(seed))

    def locked(self, passphrase: str, random: Callable[[int], bytes]) -> bytes:
        """The key as encrypted PKCS#8 in PEM.

        Raises:
            Refused: the passphrase is shorter than 8 characters.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        if len(passphrase) < SMALLEST_PASSPHRASE:
            raise Refused(
                "authority.passphrase-length",
                f"The passphrase has {len(passphrase)} characters; at least {SMALLEST_PASSPHRASE} are needed.",
                values={"length": len(passphrase), "at_least": SMALLEST_PASSPHRASE},
                advice="Choose a longer one: four unrelated words are easy to keep.",
            )
        inner = self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _pem(_pbes2(inner, passphrase.encode(), salt=random(16), iv=random(16)))


def unlock(pem: bytes, passphrase: str) -> FileKey | None:
    """Unlock a private key file; None when the passphrase does not open it.

    Raises:
        Corrupt: the file is not an encrypted PKCS#8 Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem, passphrase.encode())
    except (ValueError, TypeError) as problem:
        # A wrong passphrase gives right padding once in 256 tries; what it opens is then noise, not a damaged file.
        if _is_locked_key(pem):
            return None
        raise Corrupt(
            "authority.key-file",
            f"The key file is not an encrypted PKCS#8 key ({problem}).",
            advice="Restore it from its backup, or have an administrator enrol a new key for this person.",
        ) from problem
    if not isinstance(private, Ed25519PrivateKey):
        raise Corrupt(
            "authority.key-file",
            f"The key file holds a {type(private).__name__}, not an Ed25519 key.",
            advice="Have an administrator enrol a new key for this person.",
        )
    return FileKey(private)


def _is_locked_key(pem: bytes) -> bool:
    # One whole EncryptedPrivateKeyInfo (RFC 5958 §3) of whole AES blocks, whatever is inside.
    text = pem.decode("ascii", "replace").strip()
    body = text.removeprefix(_PEM_HEAD).removesuffix(_PEM_TAIL)
    if len(text) - len(body) != len(_PEM_HEAD) + len(_PEM_TAIL):
        return False
    try:
        ((outer, info),) = _der_parts(base64.b64decode("".join(body.split()), validate=True))
        (scheme, algorithm), (octets, sealed) = _der_parts(info)
        oid, _parameters = _der_parts(algorithm)
    except ValueError:
        return False
    whole = len(sealed) % 16 == 0 < len(sealed)
    return (outer, scheme, octets) == (0x30, 0x30, 0x04) and _der(*oid) == _OID_PBES2 and whole


def open_signer(uri: str, passphrase: str) -> FileKey | None:
    """Open the signer that a URI names; ``file:PATH`` is the one kind there is today. None: wrong passphrase.

    Raises:
        Refused: another scheme, or no such file.
    """
    scheme, _, rest = uri.partition(":")
    path = Path(rest)
    if scheme != "file" or not path.is_file():
        raise Refused(
            "authority.signer",
            f"There is no signer at {uri}.",
            values={"uri": uri},
            advice="Check the account's name; a person's key file lies in the site's folder under keys/.",
        )
    return unlock(path.read_bytes(), passphrase)


def new_key(random: Callable[[int], bytes] = os.urandom) -> FileKey:
    """A fresh key from 32 random bytes."""
    return FileKey.from_seed(random(32))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def _der_parts(der: bytes) -> list[tuple[int, bytes]]:
    parts = []
    while der:
        size, start = (der[1], 2) if len(der) > 1 else (1, 2)
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(der[2:start], "big")
        if len(der) < start + size:
            raise ValueError("DER ends too soon")
        parts.append((der[0], der[start : start + size]))
        der = der[start + size :]
    return parts


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


_PEM_HEAD, _PEM_TAIL = "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----"
_OID_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_OID_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_OID_AES256_CBC = bytes.fromhex("060960864801650304012a")


def _pbes2(inner: bytes, secret: bytes, *, salt: bytes, iv: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # The library reads scrypt files but writes PBKDF2 with 2,048 rounds only; scrypt costs a thief far more.
    derived = hashlib.scrypt(secret, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=2**26, dklen=32)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(padder.update(inner) + padder.finalize()) + encryptor.finalize()
    costs = _der(0x30, _der(0x04, salt), _integer(SCRYPT_N), _integer(SCRYPT_R), _integer(SCRYPT_P))
    scheme = _der(0x30, _der(0x30, _OID_SCRYPT, costs), _der(0x30, _OID_AES256_CBC, _der(0x04, iv)))
    encrypted = _der(0x30, _der(0x30, _OID_PBES2, scheme), _der(0x04, sealed))
    load_der_private_key(encrypted, secret)  # what can't be opened again must never reach the disk
    return encrypted


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join([_PEM_HEAD, *lines, _PEM_TAIL, ""]).encode()

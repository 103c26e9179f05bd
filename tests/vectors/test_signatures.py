"""Ed25519 by published vectors: what the judge's library accepts, and that our other rule, spelled out, says the same."""

from __future__ import annotations

import base64
import hashlib

import pytest

from events.keys import FileKey, is_sound, key_id, verifies
from tests.vectors.ed25519 import EDGES, RFC_8032
from tests.verifier import second_verifier
from tests.verifier.hostile import BASE, encoded, secret_scalar, summed, torsion
from tests.verifier.second_verifier import L, P, times

pytestmark = pytest.mark.vector


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = FileKey.from_seed(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert is_sound(key.public)
    assert second_verifier.is_sound(key.public)
    for verify in (verifies, second_verifier.signed):
        assert verify(key.public, bytes.fromhex(signature), bytes.fromhex(message))
        assert not verify(key.public, bytes.fromhex(signature), bytes.fromhex(message) + b"x")


@pytest.mark.parametrize(
    ("name", "message", "public", "signature", "accepted", "sound"), EDGES, ids=[edge[0] for edge in EDGES]
)
def test_taming_the_many_eddsas(
    name: str, message: str, public: str, signature: str, accepted: bool, sound: bool
) -> None:
    key, told = bytes.fromhex(public), (bytes.fromhex(signature), bytes.fromhex(message))
    assert verifies(key, *told) is accepted, "the library's rule has changed: verdicts would too"
    assert is_sound(key) is second_verifier.is_sound(key) is sound
    if sound:  # only sound keys are ever enrolled, and for those both must agree
        assert second_verifier.signed(key, *told) is accepted
    assert not (sound and accepted), "not one of these would ever be accepted by a judge"


def crafted(commitment: bytes, nonce: int) -> tuple[bytes, bytes, bytes]:
    """A signature by the key of RFC 8032's first test with a commitment R of the signer's choice."""
    seed, public, message = bytes.fromhex(RFC_8032[0][0]), bytes.fromhex(RFC_8032[0][1]), b"message"
    k = int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little") % L
    return public, commitment + ((nonce + k * secret_scalar(seed)) % L).to_bytes(32, "little"), message


@pytest.mark.parametrize(
    ("name", "commitment", "nonce", "accepted"),
    [
        ("R = 7 B", encoded(times(7, BASE)), 7, True),
        ("R = 7 B and a part of order 8: a rule with the cofactor would accept it", encoded(summed(times(7, BASE), torsion())), 7, False),
        ("R is the identity: OpenSSL alone accepts it", encoded((0, 1)), 0, False),
        ("R is the identity with a sign", b"\x01" + bytes(30) + b"\x80", 0, False),
        ("R is the identity, y = p + 1", (P + 1).to_bytes(32, "little"), 0, False),
        ("R of order 8", encoded(torsion()), 0, False),
    ],
)  # fmt: skip
def test_a_sound_key_with_a_commitment_of_the_signers_choice(
    name: str, commitment: bytes, nonce: int, accepted: bool
) -> None:
    assert verifies(*crafted(commitment, nonce)) is accepted
    assert second_verifier.signed(*crafted(commitment, nonce)) is accepted


@pytest.mark.parametrize("length", [0, 31, 63, 65, 128])
def test_a_signature_of_another_length(length: int) -> None:
    assert not verifies(bytes.fromhex(RFC_8032[0][1]), bytes(length), b"")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_of_another_length(length: int) -> None:
    assert not is_sound(bytes(length))


def test_rfc_8410_subject_public_key_info() -> None:
    """RFC 8410 §10: the example's private key, public key, and the DER whose SHA-256 is the key's id."""
    key = FileKey.from_seed(bytes.fromhex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"))
    assert key.public.hex() == "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    spki = base64.b64decode("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")
    assert key_id(key.public) == hashlib.sha256(spki).hexdigest()

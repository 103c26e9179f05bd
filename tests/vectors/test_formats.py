"""Formats by published examples: DSSE, the Merkle tree, signed notes, DINs, keys at rest."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from events import checkpoint, envelope, keys
from events.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from events.errors import Corrupt, Refused
from events.identifiers import Bag, Din, check_character, read_code, with_check
from events.keys import FileKey, unlock, verifies
from events.merkle import EMPTY_ROOT, Tree
from tests.verifier import second_verifier

pytestmark = pytest.mark.vector
PRODUCTION = (2**14, 8, 5)
"""scrypt's N, r and p."""

# ------------------------------------------------------------------------------------------------------------------ DSSE


def test_dsse_pre_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    """DSSE protocol v1.0.0, test vectors: the encoding, and its published ECDSA P-256 signature over exactly that."""
    monkeypatch.setattr(envelope, "PAYLOAD_TYPE", "http://example.com/HelloWorld")
    encoding = envelope.pre_authentication(b"hello world")
    assert encoding == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    public = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    ).public_key()
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(signature, encoding, ec.ECDSA(hashes.SHA256()))


def test_lengths_are_of_bytes_and_not_of_letters() -> None:
    assert envelope.pre_authentication("é".encode()).endswith(b" 2 \xc3\xa9")


# ----------------------------------------------------------------------------------------------------------- Merkle tree

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Certificate Transparency's reference leaves and the roots of the trees of 0 to 8 of them (RFC 6962)."""


@pytest.mark.parametrize("size", range(9))
def test_certificate_transparency_roots(size: int) -> None:
    assert Tree().add_all(LEAVES[:size]).root().hex() == ROOTS[size]
    assert second_verifier.root(LEAVES[:size]).hex() == ROOTS[size]
    assert EMPTY_ROOT.hex() == ROOTS[0]


# ---------------------------------------------------------------------------------------------------------- signed notes

NOTE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NAME = "PeterNeumann"


def test_signed_note() -> None:
    """The example of Go's sumdb/note, on which C2SP signed-note rests: key hash, signature and line."""
    secret = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert secret[:1] == public[:1] == b"\x01"
    key = FileKey.from_seed(secret[1:])
    assert key.public == public[1:]
    assert checkpoint._hint(NAME, key.public).hex() == "c74f20a3"
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    assert base64.b64encode(checkpoint._hint(NAME, key.public) + key.sign(NOTE.encode())).decode() == line
    assert verifies(key.public, base64.b64decode(line)[4:], NOTE.encode())


KEY = FileKey.from_seed(bytes(32))
OTHER = FileKey.from_seed(bytes([1]) * 32)
SAID = Checkpoint("ab" * 32, 42, bytes(range(32)))


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    note = write_checkpoint(SAID, KEY)
    origin, size, root, empty, signature, end = note.split("\n")
    assert (origin, size, empty, end) == (f"unbroken/{SAID.log}", "42", "", "")
    assert base64.b64decode(root) == SAID.root
    assert signature.startswith(f"\u2014 {origin} ")
    assert read_checkpoint(note, [KEY.public]) == SAID


def test_a_witness_may_sign_too() -> None:
    note = write_checkpoint(SAID, KEY) + "\u2014 witness.example AAAAAAAA\n"
    assert read_checkpoint(note, [OTHER.public, KEY.public]) == SAID


GOOD = write_checkpoint(SAID, KEY)
BAD_NOTES = {
    "nothing": "",
    "no signature": SAID.text() + "\n",
    "another key": write_checkpoint(SAID, OTHER),
    "another size": GOOD.replace("\n42\n", "\n43\n"),
    "a leading zero": GOOD.replace("\n42\n", "\n042\n"),
    "a size in other digits": GOOD.replace("\n42\n", "\n\u0664\u0662\n"),
    "another log": GOOD.replace("ab" * 32, "cd" * 32),
    "a line more": GOOD.replace("\n42\n", "\n42\nmore\n"),
    "no last line feed": GOOD[:-1],
    "two empty lines": GOOD.replace("\n\n", "\n\n\n"),
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "a hyphen for the dash": GOOD.replace("\u2014", "-"),
    "a cut signature": GOOD[:-6] + "\n",
    "root in another spelling": GOOD.replace("AAEC", "AAEC\u200b"),
    "a line that is no signature": GOOD + "hello\n",
}


@pytest.mark.parametrize("name", BAD_NOTES)
def test_a_checkpoint_that_cannot_be_trusted(name: str) -> None:
    with pytest.raises(Refused):
        read_checkpoint(BAD_NOTES[name], [KEY.public])


# ------------------------------------------------------------------------------------------------------------------ DINs


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("G123498654321", "H"),  # the worked example of the UK guidelines (Red Book, annex on ISBT 128): flags 77
        ("", "1"),  # the sum of nothing is 0, and 38 less 0 is 1 modulo 37
        ("0", "1"),
        ("1", "*"),  # 38 - 2 = 36
        ("Z", "5"),  # (35 * 2) mod 37 = 33
    ],
)
def test_iso_7064_mod_37_2(text: str, check: str) -> None:
    assert check_character(text) == check
    # The standard's own criterion: with the check character's value added, the weighted sum is 1 modulo 37.
    values = ["0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*".index(c) for c in with_check(text)]
    assert sum(value * 2**place for place, value in enumerate(reversed(values))) % 37 == 1


def test_a_din_in_its_spellings() -> None:
    din = Din.read("G123498654321")
    assert (din.check, din.flags) == ("H", "77")
    assert din.scanned() == "=G12349865432177"
    assert din.printed() == "G1234 98 654321 H"
    for spelled in ("G123498654321H", "=G12349865432177", "g1234 98 654321 h", "=G12349865432100"):
        assert Din.read(spelled) == din


@pytest.mark.parametrize(
    "spelled",
    ["G123498654321X", "=G12349865432178", "=G123498654321", "O123498654321", "G12349865432", "G1234986543211H", "",
     "G1234986543２1", "Ｇ123498654321", "=G1234986543217７"],
)  # fmt: skip
def test_a_wrong_din_is_refused(spelled: str) -> None:
    with pytest.raises(Refused):
        Din.read(spelled)


def test_a_slip_of_one_letter_or_two_neighbours_never_passes() -> None:
    good = with_check("G123498654321")
    for place in range(13):
        for letter in "0123456789":
            if letter != good[place] and good[place].isdigit():
                with pytest.raises(Refused):
                    Din.read(good[:place] + letter + good[place + 1 :])
    for place in range(1, 12):
        swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
        if swapped != good:
            with pytest.raises(Refused):
                Din.read(swapped)


def test_a_bag_in_its_spellings() -> None:
    bag = Bag.read("=G12349865432177=<S1150VA0")
    assert bag.code == "G123498654321.S1150VA0" == read_code(bag.scanned()) == read_code(bag.code.lower())
    assert bag.division == "A0"
    with pytest.raises(Refused):
        read_code("=G12349865432178=<S1150VA0")


@pytest.mark.parametrize("scanned", ["\u017f1150", "LOT\u0131", "", "a b\u00a0c", "x" * 41, "A/B", "A_B", "Ａ1"])
def test_a_code_is_ascii(scanned: str) -> None:
    with pytest.raises(Refused):
        read_code(scanned)


SENT_BY_A_SCANNER = {
    "AIM identifier of Code 128": ("]C0=G12349865432177", "]C0 (Code 128)"),
    "AIM identifier of GS1-128": ("]C1WB-1", "]C1 (GS1-128)"),
    "AIM identifier of Data Matrix": ("]d1WB-1", "]d1 (Data Matrix)"),
    "AIM identifier before a message": ("]d2=+02000=G12349865432177=<S1150VA0", "]d2 (GS1 Data Matrix)"),
    "AIM identifier of QR": (" ]Q3LOT-1", "]Q3 (GS1 QR Code)"),
    "AIM identifier of Code 39, in small letters": ("]a0lot-1", "]a0 (Code 39)"),
    "AIM identifier, blanks between": ("] C 0 LOT-1", "]C0 (Code 128)"),
    "AIM identifier of no kind we know": ("]r3LOT-1", "]r3 (a kind of code)"),
    "AIM identifier alone": ("]C0", "]C0"),
    "AIM identifier, German keyboard": ("+C0LOTß1", "German keyboard"),
    "AIM identifier and digits, German keyboard": ("+C012", "]C012"),
    "hyphen, German keyboard": ("WBß1", "would read WB-1"),
    "y and z, German keyboard": ("LOYßZ", "would read LOZ-Y"),
    "equals sign, German keyboard": ("\u00b4G12349865432177", "would read =G12349865432177"),
    "digits, French keyboard": ("LOT)\u00e9\u00e8", "would read LOT-27"),
    "group separator before": ("\x1d0104012345678901", "group separator"),
    "group separator within": ("010401234567890110AB\x1d21C", "group separator"),
    "end of transmission": ("LOT-1\x04", "end of transmission"),
    "two scans in one field": ("LOT-1\nLOT-2", "two scans"),
    "product code alone": ("=<S1150VA0", "a product code alone"),
    "expiration": ("&>0260611200", "an expiration date and time"),
    "another structure": ("=~ABC", "something else than a donation number"),
    "start and stop of Code 39": ("*LOT-1*", "Code 39"),
}


@pytest.mark.parametrize(("sent", "told"), SENT_BY_A_SCANNER.values(), ids=SENT_BY_A_SCANNER)
def test_what_a_scanner_adds_is_named(sent: str, told: str) -> None:
    """ISO/IEC 15424, table 1; ISBT 128, table of data structures; layouts of Windows."""
    for read in (read_code, Din.read, Bag.read):
        with pytest.raises(Refused) as refused:
            read(sent)
        assert refused.value.rule == "identifier.scanner"
        assert told in refused.value.says


@pytest.mark.parametrize("text", ["LOT-1\r\n", "\tLOT-1 ", "lot - 1"])
def test_what_ends_a_scan_is_no_part_of_it(text: str) -> None:
    assert read_code(text) == "LOT-1"


def test_the_character_that_no_code_has_is_named() -> None:
    with pytest.raises(Refused, match="EN DASH"):
        read_code("LOT\u20131")


# --------------------------------------------------------------------------------------------------------- keys at rest


@pytest.fixture(autouse=True)
def as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a key at rest costs what it costs in production."""
    for name, value in zip(("SCRYPT_N", "SCRYPT_R", "SCRYPT_P"), PRODUCTION, strict=True):
        monkeypatch.setattr(keys, name, value)


def test_what_a_key_at_rest_costs() -> None:
    """OWASP's figure for 16 MiB, as a program that nobody prepared has it, and as it stands in the file."""
    code = "from events import keys; print(keys.SCRYPT_N, keys.SCRYPT_R, keys.SCRYPT_P)"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert tuple(map(int, fresh.split())) == PRODUCTION
    der = base64.b64decode(b"".join(locked().splitlines()[1:-1]))
    costs = bytes.fromhex("0410") + bytes(range(16)) + bytes.fromhex("02024000" + "020108" + "020105")
    assert costs in der, "salt, 16384, 8, 5"


def locked(seed: int = 7) -> bytes:
    """A key file with a salt and an initialisation vector that never change."""
    return FileKey.from_seed(bytes([seed]) * 32).locked("correct horse battery", lambda size: bytes(range(size)))


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    opened = unlock(locked(), "correct horse battery")
    assert opened is not None
    assert opened.public == FileKey.from_seed(bytes([7]) * 32).public
    assert unlock(locked(), "wrong horse battery") is None


def test_a_wrong_passphrase_is_never_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    # Padding comes out right once in 256 tries; with a cheap scrypt a thousand tries take a moment.
    monkeypatch.setattr(keys, "SCRYPT_N", 2)
    pem = locked()
    assert [unlock(pem, f"wrong passphrase {number}") for number in range(1000)] == [None] * 1000


@pytest.mark.parametrize("spoil", [lambda pem: pem[:-60], lambda pem: b"", lambda pem: pem.replace(b"ENCRYPTED ", b""),
                                   lambda pem: pem[:60] + b"!" + pem[61:], lambda pem: pem[:120] + pem[184:]])  # fmt: skip
def test_a_damaged_key_file_is_corrupt(spoil) -> None:
    with pytest.raises(Corrupt):
        unlock(spoil(locked()), "correct horse battery")


def test_a_key_of_another_kind_is_corrupt() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Corrupt):
        unlock(pem, "correct horse battery")


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(Refused):
        FileKey.from_seed(bytes(32)).locked("seven77", os.urandom)


def test_openssl_opens_a_key_file(tmp_path: Path) -> None:
    """RFC 7914 §7 and RFC 8018: what we write by hand is read by others."""
    if shutil.which("openssl") is None:
        pytest.skip("needs real openssl: the command line tool is not installed")
    path = tmp_path / "key.pem"
    path.write_bytes(locked())
    command = ["openssl", "pkey", "-in", str(path), "-passin", "pass:correct horse battery", "-pubout"]
    done = subprocess.run(command, capture_output=True, check=True)
    plain = load_pem_private_key(
        subprocess.run(command[:-1], capture_output=True, check=True).stdout, password=None
    )  # fmt: skip
    public = FileKey.from_seed(bytes([7]) * 32).public
    assert plain.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) == public
    assert base64.b64decode(b"".join(done.stdout.splitlines()[1:-1])) == keys.SPKI_PREFIX + public

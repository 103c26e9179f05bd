"""Properties of the ground floor: what we write reads back, noise is malformed, nothing altered is ever accepted."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.envelope import Envelope, open_envelope, seal
from events.errors import Corrupt
from events.facts.catalogue import AUTHORITY_NAMES, CATALOGUE, read_fact
from events.grammar import DEEPEST, LARGEST_INTEGER, Malformed, dump_json, parse_json
from events.heads import Head
from events.instant import from_wire, to_wire, whole_milliseconds
from events.judge import Read, Rejected, read
from events.kafka.frame import WRAPPING, Framed, framed, kept, unframed, wrapped
from events.keys import FileKey
from events.merkle import Tree, leaf_hash, node_hash
from events.shapes import JUDGED, WHITE_SPACE, keeps_shape
from events.statement import MEANINGS, Statement, read_statement
from tests.ground import LEFT, MOVED_TO, small_log
from tests.verifier.hostile import CASES, GENESES
from tests.verifier.second_verifier import Bad, Parser, is_place, standing
from tests.verifier.second_verifier import statement as read_by_the_second

pytestmark = pytest.mark.property
LOG = small_log()
KEY = FileKey.from_seed(bytes(range(32)))

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
moments = st.datetimes(timezones=st.just(UTC))
names = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,2}\.v[1-9]", fullmatch=True)
streams = st.from_regex(r"[a-z]{1,32}(/[A-Za-z0-9][A-Za-z0-9._\-]{0,79})?", fullmatch=True)
facts = st.builds(lambda name, body: {**body, "fact": name}, names, st.dictionaries(texts, values, max_size=4))
heads = st.dictionaries(streams, st.builds(Head, st.integers(0, LARGEST_INTEGER), hexes), min_size=1, max_size=6)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    """Any statement that the grammar allows."""
    extended = draw(heads)
    return Statement(
        id=draw(hexes)[:32],
        log=draw(st.none() | hexes),
        subject=draw(st.sampled_from(sorted(extended))),
        heads=extended,
        happened=whole_milliseconds(draw(moments)),
        recorded=whole_milliseconds(draw(moments)),
        person=draw(st.from_regex(r"[A-Z][A-Z0-9\-]{1,23}", fullmatch=True)),
        account=draw(st.from_regex(r"[a-z][a-z0-9._\-]{1,31}", fullmatch=True)),
        key=draw(hexes),
        meaning=draw(st.sampled_from(sorted(MEANINGS))),
        rulebook=draw(st.integers(1, LARGEST_INTEGER)),
        facts=tuple(draw(st.lists(facts, min_size=1, max_size=3))),
        protocol=draw(st.none() | hexes),
    )


@given(statements())
def test_what_we_write_reads_back_equal(statement: Statement) -> None:
    assert read_statement(statement.payload()) == statement
    envelope = seal(statement.payload(), KEY)
    assert open_envelope(envelope.value()) == envelope
    found = read_by_the_second(statement.payload())
    assert (found.log, found.heads) == (statement.log, {k: tuple(v) for k, v in statement.heads.items()})


@given(values)
def test_json_reads_back_equal_in_both_parsers(value: object) -> None:
    written = dump_json({"x": value})
    assert parse_json(written) == Parser(written).document() == {"x": value}
    escaped = json.dumps({"x": value}).encode()
    assert parse_json(escaped) == Parser(escaped).document() == {"x": value}


PIECES = st.sampled_from(
    [*'{}[],:"\\ \t\n0123456789-+.eEuUdDbf/', "true", "false", "null", "NaN", "Infinity", '"a"', '"a":', "\\u00", "\\ud83d",
     "\\ude00", "\\u0000", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "é", "1e2", "-0", "9007199254740993", "[[", "]]"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map(lambda pieces: "".join(pieces).encode()) | st.binary(max_size=60))
@settings(max_examples=600)
@example(b'{"' + b'\\"' * 40)
@example(b'{"a":"\\ud83d\\ud83d\\ude00"}')
@example(b'{"a":-0}')
@example(b"[" * 40)
def test_noise_is_malformed_and_nothing_else_and_both_parsers_agree(body: bytes) -> None:
    for shaped in (body, b'{"x":' + body + b"}", b'{"x":"' + body + b'"}'):
        ours: object
        theirs: object
        try:
            ours = parse_json(shaped)
        except Malformed:
            ours = None
        try:
            theirs = Parser(shaped).document()
        except Bad:
            theirs = None
        assert ours == theirs


@given(st.binary(max_size=200))
def test_noise_is_no_envelope(value: bytes) -> None:
    with pytest.raises(Malformed):
        open_envelope(value)


@given(values)
def test_a_fact_of_authority_that_keeps_its_shape_is_readable(value: object) -> None:
    for name in sorted(JUDGED):
        for document in ({"fact": name, "x": value}, {**WELL_SHAPED[name], "why": value}, _filled(name, value)):
            if keeps_shape(document):
                read_fact(document)  # must not raise: the judge has said that it is sound


WELL_SHAPED: dict[str, dict[str, Any]] = {
    fact["fact"]: fact
    for value in LOG.values
    for fact in json.loads(open_envelope(value).payload)["data"]["facts"]
    if fact["fact"] in JUDGED
}


def _filled(name: str, value: object) -> dict[str, Any]:
    return {member: value if member != "fact" else held for member, held in WELL_SHAPED[name].items()}


edges = st.sampled_from([*WHITE_SPACE, "", "\u200b", "\u180e", "\ufeff", "\x1c", "\x1f", "a", "é"])


@given(edges, texts, edges)
def test_a_text_of_authority_reads_as_it_was_signed(left: str, middle: str, right: str) -> None:
    document = {**WELL_SHAPED["roles.changed.v1"], "why": left + middle + right}
    if keeps_shape(document):
        assert read_fact(document).to_wire()["why"] == document["why"]


kinds = st.from_regex(r"[a-z]{1,16}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9_\-]{8,64}", fullmatch=True)
odd = st.text("aZ09:_-./ \n８é", max_size=20)


@given(st.builds("{}:{}".format, kinds | odd, ids | odd) | odd | st.sampled_from([LEFT, MOVED_TO]))
def test_what_is_a_place_is_one_for_the_shape_the_model_and_the_second_verifier(place: str) -> None:
    document = {**WELL_SHAPED["log.moved.v1"], "destination": place}
    assert keeps_shape(document) == is_place(place)
    if keeps_shape(document):
        assert read_fact(document).to_wire() == document
    else:
        with pytest.raises(Corrupt):
            read_fact(document)


@pytest.mark.parametrize("name", sorted(JUDGED))
def test_the_judge_knows_every_shape_by_a_sound_example(name: str) -> None:
    assert keeps_shape(WELL_SHAPED[name])
    assert read_fact(WELL_SHAPED[name]).to_wire() == WELL_SHAPED[name]


def test_the_judged_facts_are_the_catalogues() -> None:
    assert set(JUDGED) == set(AUTHORITY_NAMES) <= set(CATALOGUE)


# ------------------------------------------------------------------------------------------------------------------ trees


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, by its own words."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


@given(st.lists(st.binary(max_size=8), max_size=70), st.integers(0, 70))
def test_a_tree_grown_leaf_by_leaf_has_the_recursive_root(leaves: list[bytes], pause: int) -> None:
    tree = Tree().add_all(leaves[:pause])
    again = Tree.unpack(tree.size, tree.packed())
    assert again == tree
    assert again.add_all(leaves[pause:]).root() == naive_root(leaves)


@given(st.integers(-3, 70), st.integers(0, 9))
def test_an_edge_of_the_wrong_size_is_no_tree(size: int, hashes: int) -> None:
    if size < 0 or size.bit_count() != hashes:
        with pytest.raises(ValueError, match="no right edge"):
            Tree.unpack(size, bytes(32 * hashes))


# ------------------------------------------------------------------------------------------------------------ alterations

LAST = small_log()
NEXT = LAST.record("nurse", ["therapy/T-7"], {"fact": "x.v1"})


@given(st.integers(0, len(NEXT) * 8 - 1))
@settings(max_examples=300)
def test_a_flipped_bit_is_never_accepted(bit: int) -> None:
    flipped = bytearray(NEXT)
    flipped[bit // 8] ^= 1 << bit % 8
    assert isinstance(LAST.judge(bytes(flipped)), Rejected)


@given(st.integers(0, 511))
def test_a_flipped_bit_of_a_signature_is_a_wrong_signature(bit: int) -> None:
    envelope = open_envelope(NEXT)
    signature = bytearray(envelope.signature)
    signature[bit // 8] ^= 1 << bit % 8
    verdict = LAST.judge(Envelope(envelope.payload, envelope.keyid, bytes(signature)).value())
    assert isinstance(verdict, Rejected)
    assert verdict.why == "signature"


@given(st.binary(min_size=64, max_size=64))
def test_a_random_signature_is_refused(signature: bytes) -> None:
    envelope = open_envelope(NEXT)
    verdict = LAST.judge(Envelope(envelope.payload, envelope.keyid, signature).value())
    assert isinstance(verdict, Rejected)


# --------------------------------------------------------------------------------------------------------- frames in Kafka

SOUND = [*LAST.values, NEXT]
noise = st.binary(max_size=60)
sound = st.sampled_from(SOUND)
wrappings = st.builds(WRAPPING.__add__, noise) | st.just(WRAPPING) | sound.map(lambda v: wrapped(Framed(b"x", v, ())))
header_names = st.sampled_from([name for name, _ in framed(read(NEXT), NEXT).headers]) | st.text(max_size=12)
headers = st.lists(st.tuples(header_names, st.none() | noise), max_size=9).map(tuple)
strangers = st.builds(Framed, st.none() | noise, st.none() | noise | sound | wrappings, headers)


@st.composite
def nearly_right(draw: st.DrawFn) -> Framed:
    """A sound record's own frame with one thing changed, or nothing."""
    value, at = draw(sound), draw(st.integers(0, 6))
    right = framed(read(value), value)
    key, (name, held) = right.key or b"", right.headers[at]
    keys = [key, None, b"", key + b"\n", key.upper()]
    bodies = [value, None, b"", value + b"\n", WRAPPING + value]
    heads = [
        right.headers,
        (),
        right.headers[:at] + right.headers[at + 1 :],
        right.headers[at:] + right.headers[:at],
        (*right.headers, (name, held)),
        (*right.headers, ("traceparent", b"00")),
        *(
            _with(right, at, other)
            for other in (
                (name.upper(), held),
                (name.replace("ce_", "ce-"), held),
                (name, None),
                (name, b""),
                (name, (held or b"") + b" "),
            )
        ),
    ]
    changed = [(one, value, right.headers) for one in keys] + [(key, one, right.headers) for one in bodies]
    return Framed(*draw(st.sampled_from([*changed, *((key, value, one) for one in heads)])))


def _with(frame: Framed, at: int, header: tuple[str, bytes | None]) -> tuple[tuple[str, bytes | None], ...]:
    return (*frame.headers[:at], header, *frame.headers[at + 1 :])


@given(strangers | nearly_right())
@settings(max_examples=600)
@example(Framed(None, None, ()))
@example(Framed(None, b"", ()))
@example(Framed(b"", None, ()))
@example(Framed(None, WRAPPING, ()))
@example(Framed(None, wrapped(Framed(None, None, ())), ()))
@example(Framed(b"\xff", b"\xff", (("", b""), ("", None), ('\U0001f600\x7f/\\"\u2028\x00', b"\x00"))))
def test_what_stood_in_kafka_comes_back_whole_and_the_second_verifier_keeps_the_same(found: Framed) -> None:
    value, record = kept(found)
    assert unframed(value) == found
    assert standing(found.key, found.value, list(found.headers)) == value
    again = read(value)
    assert type(again) is type(record)
    assert (found == framed(again, value)) == (not value.startswith(WRAPPING))
    if isinstance(again, Rejected) and isinstance(record, Rejected):
        assert again.why == record.why == "grammar"


@given(strangers | nearly_right(), strangers | nearly_right())
def test_two_that_differ_in_kafka_differ_everywhere(one: Framed, other: Framed) -> None:
    assert (kept(one)[0] == kept(other)[0]) == (one == other)


@given(sound, st.none() | noise | st.sampled_from([b"authority", b"therapy/T-7"]), headers)
def test_a_sound_record_under_another_frame_is_none(value: bytes, key: bytes | None, given_headers: Any) -> None:
    right = framed(read(value), value)
    assert (right.value, kept(right)[0]) == (value, value)
    assert isinstance(kept(right)[1], Read)
    for changed in (Framed(key, value, right.headers), right._replace(headers=given_headers)):
        if changed != right:
            stored, record = kept(changed)
            assert stored.startswith(WRAPPING)
            assert isinstance(record, Rejected)
            assert record.why == "grammar"
            verdict = LAST.judge(stored)
            assert isinstance(verdict, Rejected)
            assert verdict.why == "grammar"


@given(nearly_right())
def test_a_record_that_was_read_before_is_kept_as_one_that_was_not(found: Framed) -> None:
    known = read(found.value or b"")
    if isinstance(known, Read):
        assert kept(found, known)[0] == kept(found)[0]


@given(wrappings, st.integers(1, 4))
def test_a_wrapping_is_wrapped_again_each_time(value: bytes, times: int) -> None:
    stored = value
    for _ in range(times):
        inner, stored = stored, kept(Framed(None, stored, ()))[0]
        assert stored != inner
        assert unframed(stored) == Framed(None, inner, ())


def test_null_and_empty_are_two_records_and_neither_is_accepted() -> None:
    frames = [Framed(key, value, held) for key in (None, b"") for value in (None, b"") for held in ((), (("", None),))]
    stored = {kept(frame)[0] for frame in frames}
    assert len(stored) == len(frames)
    assert kept(Framed(None, b"", ()))[0] == b""
    assert all(isinstance(LAST.judge(value), Rejected) for value in stored)


@pytest.mark.parametrize("build", [pytest.param(build, id=name[:60]) for name, _, build in [*CASES, *GENESES]])
def test_every_hostile_record_passes_through_kafka_unchanged(build: Any) -> None:
    value = build(LOG)
    frame = framed(read(value), value)
    assert unframed(value) == frame
    assert kept(frame)[0] == value == standing(frame.key, frame.value, list(frame.headers))
    assert (frame.key is None) == isinstance(read(value), Rejected) == (frame.headers == ())


@given(noise)
def test_a_wrapping_in_another_spelling_is_no_wrapping(tail: bytes) -> None:
    sound_one = wrapped(Framed(b"k", b"v", (("h", None),)))
    for body in (sound_one + tail, sound_one[:-1] + tail, sound_one.replace(b'":', b'": ', 1) + tail):
        if body != sound_one:
            with pytest.raises(ValueError):  # noqa: PT011  # json, base64 and the last comparison each say their own
                unframed(body)


# ------------------------------------------------------------------------------------------------------------ time, effort


@given(moments)
def test_a_time_reads_back_to_the_millisecond(moment: datetime) -> None:
    wire = to_wire(moment)
    assert len(wire) == 24
    assert from_wire(wire) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


HEAVY = 190_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"' + b'\\"' * (HEAVY // 2),
        b'"' * HEAVY,
        b"\\" * HEAVY,
        b"[" * HEAVY,
        b"[]" * (HEAVY // 2),
        b"{}" * (HEAVY // 2),
        b"[" * (HEAVY // 2) + b"]" * (HEAVY // 2),
        b'{"a":' * (HEAVY // 6) + b"1" + b"}" * (HEAVY // 6),
        b'{"a":"' + b"\\u0000" * (HEAVY // 6) + b'"}',
        b'{"a":"' + b"\\ud800" * (HEAVY // 6) + b'"}',
        b'{"a":' + b"9" * HEAVY + b"}",
        b'{"a":-' + b"0" * HEAVY + b"}",
        b"{" + b",".join(b'"%d":0' % number for number in range(HEAVY // 10)) + b',"0":0}',
        b" " * HEAVY,
    ],
    ids=lambda body: body[:12].decode(),
)
def test_the_worst_bytes_are_refused_in_a_moment(body: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(Malformed):
        parse_json(body)
    assert time.perf_counter() - began < 2, "reading must cost linear time, or one record stops every reader"


@pytest.mark.parametrize("name", [b"a", b"a.", b"a._", b"a" * 80 + b".v"])
def test_a_long_name_of_a_fact_is_refused_in_a_moment(name: bytes) -> None:
    document = json.loads(open_envelope(NEXT).payload)
    document["type"] = document["data"]["facts"][0]["fact"] = (name * 150_000)[:180_000].decode()
    began = time.perf_counter()
    with pytest.raises(Malformed):
        read_statement(dump_json(document))
    assert time.perf_counter() - began < 2


def test_depth_is_counted_from_one() -> None:
    assert parse_json(b'{"a":' * (DEEPEST - 1) + b"[]" + b"}" * (DEEPEST - 1))
    with pytest.raises(Malformed):
        parse_json(b'{"a":' * DEEPEST + b"[]" + b"}" * DEEPEST)

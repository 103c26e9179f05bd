"""How a run is shared by two processes: what is handed out as one, in which order, and that both name each test alike."""

from __future__ import annotations

import re

import pytest

from tests.halves import turn, unit


def test_what_starts_servers_is_told_by_one_process_when_the_rest_is_told() -> None:
    """No fault of one server starves another, nor anything else: they come last."""
    told = [
        "tests/chaos/test_topic_faults.py::test_7[kafka]",
        "tests/docker/test_kafka.py::test_a",
        "tests/flows/test_b.py::c",
    ]
    assert {unit(test) for test in told} == {"servers"}
    assert {turn(test) > turn("tests/stories/test_02_collection.py::test_d") for test in told} == {True}


def test_a_file_is_handed_out_whole_for_each_kind_of_log() -> None:
    """Stories on Kafka begin while those on SQLite still run."""
    file = "tests/stories/test_02_collection.py"
    assert unit(f"{file}::test_a[sqlite-two bags]") == unit(f"{file}::test_b") == file
    assert unit(f"{file}::test_a[kafka-two bags]") == unit(f"{file}::test_b[kafka]") == f"{file} on Kafka"
    assert unit("tests/docs/test_c.py::test_d[the page kafka.md]") == "tests/docs/test_c.py"
    assert turn("tests/manual/test_replay.py::test_e") < turn(f"{file}::test_b")


def test_a_test_has_the_same_name_in_every_process(request: pytest.FixtureRequest) -> None:
    """An address of an object in a test's name differs from process to process, and the two would not know each other's."""
    assert [item.nodeid for item in request.session.items if re.search(r"\bat 0x[0-9a-f]+", item.nodeid)] == []

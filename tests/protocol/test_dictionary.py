"""Dictionaries of adverse events: the one that ships holds the published terms and grades, and a sponsor's own is read strictly."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from events.errors import Refused
from protocol.dictionary import BUILT_IN, Unreadable, built_in, built_in_name, dictionary_of, read_terms
from protocol.file import read_protocol
from tests.stage import study

CTCAE = built_in("ctcae-v5")
# Published: NCI CTCAE v5.0, 27 November 2017.
PUBLISHED = [
    ("Alopecia", (1, 2)), ("Sepsis", (3, 4, 5)), ("Anemia", (1, 2, 3, 4, 5)), ("Fatigue", (1, 2, 3)), ("Presyncope", (2,)),
    ("Neutrophil count decreased", (1, 2, 3, 4)), ("Febrile neutropenia", (3, 4, 5)), ("Nausea", (1, 2, 3)),
    ("Cytokine release syndrome", (1, 2, 3, 4, 5)), ("Syncope", (3,)),
]  # fmt: skip


def test_the_dictionary_that_ships_has_every_term_and_no_grade_that_does_not_exist() -> None:
    """837 terms; of the 4,185 pairs of term and grade 3,185 exist."""
    assert (CTCAE.title, len(CTCAE.grades)) == ("CTCAE v5.0", 837)
    assert sum(len(grades) for grades in CTCAE.grades.values()) == 3185
    assert {term: CTCAE.grades[term] for term, _ in PUBLISHED} == dict(PUBLISHED)


@pytest.mark.parametrize("title", ["ctcae-v5", "CTCAE v5.0", "ctcae V5.0"])
def test_it_is_named_by_its_name_or_its_title(title: str) -> None:
    """The name and what people call it are one dictionary."""
    assert built_in_name(title) == "ctcae-v5"
    assert dictionary_of(read_protocol(study().text.replace("ctcae-v5", title))) is CTCAE


def test_capitals_and_spaces_count_as_nothing_and_nothing_else_does() -> None:
    """A term is found as it is spelled; what is nearly one is not taken for it."""
    assert CTCAE.spelled(" alopecia") == "Alopecia"
    assert CTCAE.spelled("NEUTROPHIL  count decreased") == "Neutrophil count decreased"
    assert [CTCAE.spelled(term) for term in ("Alopecia.", "Alopeci\u0430", "", "Anaemia", "neutrophil")] == [None] * 5


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Anaemia", "Anemia"), ("neutropenia", "Febrile neutropenia"), ("Alopezia", "Alopecia"),
     ("low neutrophil", "Neutrophil count decreased"), ("CRS cytokine release", "Cytokine release syndrome")],
)  # fmt: skip
def test_the_nearest_terms_are_named(written: str, meant: str) -> None:
    """Spelled otherwise, or by one of its words."""
    assert meant in CTCAE.nearest(written)


UNREADABLE: list[tuple[str, str, int, str]] = [
    ("nothing", "", 1, "heading"),
    ("no heading", "Alopecia,1 2\n", 1, "heading"),
    ("a heading and no term", "term,grades\n", 1, "no term"),
    ("a cell too few", "term,grades\nAlopecia\n", 2, "1 cells"),
    ("a cell too many", "term,grades\nAlopecia,1,2\n", 2, "3 cells"),
    ("no grade", "term,grades\nAlopecia,\n", 2, "grades of Alopecia"),
    ("a grade that no scale has", "term,grades\nAlopecia,1 6\n", 2, "grades of Alopecia"),
    ("a grade in other digits", "term,grades\nAlopecia,\u0661\n", 2, "grades of Alopecia"),
    ("grades that fall", "term,grades\nAlopecia,2 1\n", 2, "grades of Alopecia"),
    ("a grade twice", "term,grades\nAlopecia,1 1\n", 2, "grades of Alopecia"),
    ("a range", "term,grades\nAlopecia,1-2\n", 2, "grades of Alopecia"),
    ("a term that is none", 'term,grades\n"--",1\n', 2, "no term"),
    ("a term with a control character", "term,grades\nAlo\x07pecia,1\n", 2, "no term"),
    ("a term twice, with other capitals", "term,grades\nAlopecia,1\nalopecia,2\n", 3, "twice"),
    ("a quote that does not end", 'term,grades\n"Alopecia,1\n', 2, ""),
]


@pytest.mark.parametrize(("words", "text", "line", "reason"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_a_file_that_is_no_dictionary_is_refused_with_its_line(words: str, text: str, line: int, reason: str) -> None:
    """No term is guessed at."""
    with pytest.raises(Unreadable) as caught:
        read_terms(text)
    assert str(caught.value).startswith(f"line {line}: "), words
    assert reason in str(caught.value)


TERMS = "term,grades\nLow neutrophils,2 3\n"
DIGEST = sha256(TERMS.encode()).hexdigest()
NAMED: list[tuple[str, str, str, str]] = [
    ("a dictionary that is not here", "MedDRA 27.0", "", "there is no dictionary 'MedDRA 27.0'; this program has: ctcae-v5"),
    ("a digest and no file", f"{{title: Ours, sha256: {DIGEST}}}", "", "says the SHA-256 of no file"),
    ("a file and no digest", "{title: Ours, file: terms.csv}", "", "the SHA-256 of terms.csv"),
    ("a file that was not given", f"{{title: Ours, file: terms.csv, sha256: {DIGEST}}}", "", "terms.csv was not given"),
    ("a file elsewhere", f"{{title: Ours, file: ../terms.csv, sha256: {DIGEST}}}", TERMS, "does not lie beside"),
    ("another file", f"{{title: Ours, file: terms.csv, sha256: {DIGEST}}}", TERMS + "Alopecia,1\n", "is not that of terms.csv"),
    ("a file that is no dictionary", f"{{title: Ours, file: terms.csv, sha256: {sha256(b'term').hexdigest()}}}", "term",
     "terms.csv, line 1: the heading needs"),
    ("a dictionary that nobody asked for", "ctcae-v5", TERMS, "names no file"),
    ("a digest in capitals", f"{{title: Ours, file: terms.csv, sha256: {DIGEST.upper()}}}", TERMS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("words", "named", "terms", "reason"), NAMED, ids=[case[0] for case in NAMED])
def test_a_study_names_a_dictionary_that_is_there(words: str, named: str, terms: str, reason: str) -> None:
    """Else it is refused, with the line of what it names."""
    text = study().text.replace("dictionary: ctcae-v5", f"dictionary: {named}")
    with pytest.raises(Refused) as caught:
        read_protocol(text, terms=terms)
    (one,) = told(caught.value)
    assert one["field"].startswith("safety.events.dictionary"), words
    assert reason in one["reason"]
    assert "dictionary:" in text.splitlines()[one["line"] - 1]


def told(refused: Refused) -> list[dict[str, Any]]:
    """The problems of a file that was refused."""
    listed: Any = refused.values["problems"]
    return list(listed)


def test_the_file_that_ships_is_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another content under the same name grades nothing."""
    from events.errors import Corrupt

    meant = BUILT_IN["ctcae-v5"]
    monkeypatch.setitem(BUILT_IN, "ctcae-v5", meant._replace(sha256="0" * 64))
    built_in.cache_clear()
    with pytest.raises(Corrupt):
        built_in("ctcae-v5")
    monkeypatch.undo()
    built_in.cache_clear()

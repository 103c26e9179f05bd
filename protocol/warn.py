"""What is allowed in a protocol file and is hardly meant: told as warnings, with their lines; the file can be adopted."""

from __future__ import annotations

from protocol.model import StudyProtocol
from protocol.problems import Problem, Study
from protocol.visits_in_order import overlapping
from protocol.whereabouts import away
from protocol.without_effect import unused


def warn(protocol: StudyProtocol) -> list[Problem]:
    """Every warning about a file that has no problem."""
    study = Study(protocol)
    return list(dict.fromkeys([*unused(study), *away(study), *overlapping(study)]))

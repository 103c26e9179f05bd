"""Our packages have plain names; no installed distribution may own one of them (PyPI's `Events` owns `events/`)."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("events", "protocol", "projections", "flows", "console")


@pytest.mark.parametrize("floor", FLOORS)
def test_no_other_distribution_owns_our_name(floor: str) -> None:
    owners = {
        owner for name, owners in packages_distributions().items() if name.casefold() == floor for owner in owners
    }
    assert owners <= {"unbroken"}, f"{owners - {'unbroken'}} installs a package named {floor!r}, which shadows ours"


@pytest.mark.parametrize("floor", FLOORS)
def test_the_name_leads_to_our_folder(floor: str) -> None:
    spec = find_spec(floor)
    assert spec is not None, f"{floor} is not importable: is the project installed (make test)?"
    assert spec.submodule_search_locations, f"{spec.origin} is a module, not our package"
    assert Path(spec.submodule_search_locations[0]).resolve().is_relative_to(ROOT)

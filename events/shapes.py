"""The exact wire shapes of the six facts of authority: the only facts that the judge reads, frozen with its version.

They are checked by hand and not by the models in `events.facts`, so that no library's leniency and no later version of
a fact can change a verdict. What passes here is always readable there; a test holds that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from events.instant import from_wire

Check = Callable[[object], bool]

WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's White_Space property: no text of authority begins or ends with one."""
NEWEST_JUDGE = 2
LONGEST_TEXT = 2000
MOST_ROLES = 64


def _like(pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT and value == value.strip(WHITE_SPACE)


def _time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(from_wire(value))
    except ValueError:
        return False


def _roles(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ROLES and all(map(_name, value))


def _judge(value: object) -> bool:
    return (
        type(value) is int and 1 <= value <= NEWEST_JUDGE
    )  # a reader must not judge a log that asks for another judge


def _flag(value: object) -> bool:
    return type(value) is bool


def _person(value: object) -> bool:
    return isinstance(value, dict) and _keeps(value, _PERSON, {})


def _keeps(body: Mapping[str, Any], required: Mapping[str, Check], optional: Mapping[str, Check]) -> bool:
    known = {**required, **optional}
    return required.keys() <= body.keys() <= known.keys() and all(known[name](value) for name, value in body.items())


_name = _like(r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}")
_zone = _like(r"[A-Za-z][A-Za-z0-9_+\-]{0,31}(?:/[A-Za-z0-9][A-Za-z0-9_+\-]{0,31}){0,2}")
_account = _like(r"[a-z][a-z0-9._\-]{1,31}")
_hex64 = _like(r"[0-9a-f]{64}")
PLACE = r"[a-z]{1,16}:[A-Za-z0-9_\-]{8,64}"
_place = _like(PLACE)
_PERSON: Mapping[str, Check] = {
    "person": _like(r"[A-Z][A-Z0-9\-]{1,23}"),
    "account": _account,
    "printed_name": _text,
    "public_key": _hex64,
    "roles": _roles,
}
_SHAPES: Mapping[str, tuple[Mapping[str, Check], Mapping[str, Check]]] = {
    "log.opened.v1": ({"site": _text, "zone": _zone, "root": _person, "judge": _judge}, {"simulated": _flag}),
    "person.enrolled.v1": (_PERSON, {}),
    "roles.changed.v1": ({"account": _account, "roles": _roles, "why": _text}, {}),
    "key.added.v1": ({"account": _account, "public_key": _hex64, "why": _text}, {}),
    "key.revoked.v1": ({"key": _hex64, "why": _text}, {"suspect_since": _time}),
    "log.moved.v1": ({"origin": _place, "destination": _place, "why": _text}, {}),
}
JUDGED = frozenset(_SHAPES)
"""Their wire names."""
_SINCE = {"log.moved.v1": 2}


def is_judged(name: str, judge: int) -> bool:
    """Whether the judge of this version reads facts of this name. A log keeps the judge that it was opened under."""
    return name in JUDGED and judge >= _SINCE.get(name, 1)


def keeps_shape(raw: Mapping[str, Any]) -> bool:
    """Whether an object of a statement whose name is one of `JUDGED` has exactly the shape of that name."""
    required, optional = _SHAPES[raw["fact"]]
    return _keeps({name: value for name, value in raw.items() if name != "fact"}, required, optional)

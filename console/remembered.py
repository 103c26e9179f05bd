"""Answers about one therapy that were worked out before, kept so that the next look costs a tenth of a second.

An answer follows from the therapy's signed records, the protocol they pin, and this program: nothing else. So it is kept
under exactly that (the log, the head of the stream and of `authority`, a print of the program's own files) and under a
MAC with the site's own secret, and is believed only when all of it fits and every signature and link of the stream has
been verified again at this moment. An altered or old answer is worked out anew; the folder may be deleted at any time.
Nothing is ever decided or recorded on a remembered answer.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.heads import Head
from events.reading import verified_stream
from events.verify import Finding

if TYPE_CHECKING:
    from console.site import Site
    from protocol.desk import Desk

_PURPOSE = b"unbroken: remembered answers, version 1\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a therapy at one head.

    Args:
        number: how many records were folded.
        row: its batch status.
        signed: account, time and meaning of the signatures of the last act.
        findings: of the audit; None where nobody has audited this head yet.
    """

    number: int
    row: dict[str, Any]
    signed: list[list[str]]
    findings: list[Finding] | None = None


def recall(site: Site, therapy: str) -> Answer | None:
    """The answer for the therapy's head as it stands, every signature and link of its stream verified now; None if unknown.

    Raises:
        Corrupt: a record of the stream does not stand.
    """
    document = _read(site, therapy)
    if document is None or document["for"] != _fits(site, therapy, _verified_head(site, therapy)):
        return None
    return _answer(document)


def keep(site: Site, therapy: str, answer: Answer) -> None:
    """Keep an answer about the head as this process has folded it. A folder that cannot be written keeps nothing."""
    head = site.log.heads([f"therapy/{therapy}"])[f"therapy/{therapy}"]
    if head.number != answer.number:
        return  # somebody signed meanwhile: the answer is of an earlier head
    document: dict[str, Any] = {
        "for": _fits(site, therapy, head),
        "number": answer.number,
        "row": answer.row,
        "signed": answer.signed,
        "findings": None if answer.findings is None else [finding.as_dict() for finding in answer.findings],
    }
    try:
        body = json.dumps(document, sort_keys=True).encode()
        path = _path(site, therapy)
        path.parent.mkdir(exist_ok=True)
        making = path.with_name(f"{path.name}.{os.getpid()}")
        making.write_bytes(_mac(site, body).encode() + b"\n" + body)
        making.replace(path)
    except OSError:
        return


def work_out(site: Site, desk: Desk, therapy: str, *, audited: bool) -> Answer:
    """Fold the therapy, say how it stands, and keep that; with `audited`, every decision is asked again as well."""
    from protocol.audit import audit
    from protocol.status import batch_status

    findings = audit(desk, therapy) if audited else None
    state = desk.therapy(therapy)
    signed: list[list[str]] = []
    if state.every_act:
        last = max(state.every_act.values(), key=lambda act: (act.second or act.by).number)
        from events.instant import to_wire

        signed = [[s.account, to_wire(s.recorded), s.meaning] for s in (last.by, last.second) if s is not None]
    answer = Answer(state.number, batch_status(state, desk.protocol_of(state)), signed, findings)
    keep(site, therapy, answer)
    return answer


def go_on(site: Site, desk: Desk, therapy: str) -> None:
    """After an act: say how the therapy stands now. Where an earlier head was audited, only what came after it is."""
    from protocol.audit import audit

    before = _earlier(site, therapy)
    answer = work_out(site, desk, therapy, audited=False)
    if before is None or before.findings is None:
        return
    kept = [finding for finding in before.findings if finding.number is not None]
    findings = [*kept, *audit(desk, therapy, after=before.number)]
    keep(site, therapy, Answer(answer.number, answer.row, answer.signed, findings))


def _earlier(site: Site, therapy: str) -> Answer | None:
    """What is remembered of an earlier head of this very stream; nothing if who may sign has changed since."""
    document = _read(site, therapy)
    if document is None:
        return None
    number = document["number"]
    stood = next(iter(site.log.stream(f"therapy/{therapy}", number - 1)), None)
    if stood is None or stood.link is None or document["for"] != _fits(site, therapy, Head(number, stood.link)):
        return None
    return _answer(document)


# ---------------------------------------------------------------------------------------------------- what it stands on


def _verified_head(site: Site, therapy: str) -> Head:
    head = Head(0, site.log.id)
    for record in verified_stream(site.log, f"therapy/{therapy}"):
        head = Head(head.number + 1, record.link)
    return head


def _fits(site: Site, therapy: str, head: Head) -> list[object]:
    people = site.log.heads(["authority"])["authority"]
    return [site.log_id, therapy, head.number, head.link, people.number, people.link, _program()]


def _program() -> str:
    """A print of the files that answers follow from: another version of the rules gives other answers."""
    seen = hashlib.sha256()
    for floor in ("events", "protocol"):
        found = importlib.util.find_spec(floor)
        for place in (found.submodule_search_locations or ()) if found else ():
            for folder, _, names in sorted(os.walk(place)):
                for name in sorted(name for name in names if name.endswith(".py")):
                    about = os.stat(os.path.join(folder, name))
                    seen.update(f"{folder}/{name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _path(site: Site, therapy: str) -> Path:
    return site.folder / "remembered" / f"{hashlib.sha256(therapy.encode()).hexdigest()[:32]}.json"


def _mac(site: Site, body: bytes) -> str:
    key = hashlib.sha256(_PURPOSE + site.secret()).digest()
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def _read(site: Site, therapy: str) -> dict[str, Any] | None:
    try:
        mac, _, body = _path(site, therapy).read_bytes().partition(b"\n")
        if not hmac.compare_digest(mac, _mac(site, body).encode()):
            return None
    except OSError:
        return None
    found: dict[str, Any] = json.loads(body)  # its MAC is ours, so it is as we wrote it
    return found


def _answer(document: dict[str, Any]) -> Answer:
    findings = document["findings"]
    told = (
        None
        if findings is None
        else [Finding(f["kind"], f["says"], f["position"], f["stream"], f["sequence"]) for f in findings]
    )
    return Answer(document["number"], document["row"], document["signed"], told)

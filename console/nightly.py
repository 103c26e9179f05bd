"""What happens every night: the whole log verified again, every decision audited, a checkpoint written."""

from __future__ import annotations

from console.site import Site
from events.verify import verify
from protocol.audit import audit


def nightly(site: Site) -> str:
    """Returns what was found, empty when clean; the checkpoint is written only over a clean log."""
    result = verify(site.log, site.log_id)
    desk = site.desk()
    for stream in site.log.streams("therapy/"):
        result.findings += audit(desk, stream.removeprefix("therapy/"))
    if result.findings:
        told = [f"{f.kind}: {f.stream or 'the log'} {f.number or ''}: {f.says}" for f in result.findings]
        return f"{len(told)} findings: " + "; ".join(told[:5])
    site.write_checkpoint()
    return ""

"""Failure is data: what fails ends as a record, and what depends on it is skipped."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)
TAIL = 20  # lines of a traceback kept in a record


def guarded(what: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns with status ok, or a record of its failure; interruption is no failure and passes through."""
    try:
        return {"status": "ok", "message": "", **make()}
    except Exception as error:
        log.exception("%s failed", what)
        tail = traceback.format_exc().strip().splitlines()[-TAIL:]
        return {"status": "error", "message": f"{type(error).__name__}: {error}", "log_tail": tail}


def upstream(*records: dict[str, Any]) -> dict[str, Any] | None:
    """A `skipped` record when a step that this one needs did not succeed, else None."""
    for record in records:
        if record["status"] != "ok":
            name = record.get("subject", record.get("pair", ""))
            return {
                "status": "skipped",
                "message": f"upstream: {name}: {record['status']}: {record['message']}",
            }
    return None

"""Fetch a large file over HTTP: what a broken connection or a stopped command left is gone on from, not fetched again."""

import hashlib
import http.client
import logging
import shutil
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regbench.progress import Progress
from regbench.records import write_record

BLOCK = 2**20
ATTEMPTS = 3  # in a row that bring nothing
SECONDS = 60.0  # without a byte, and a connection is given up
MB = 10**6
log = logging.getLogger(__name__)


def fetch(url: str, out: Path, md5: str | None = None, wait: float = 5.0) -> dict[str, Any]:
    """Fetch `url` into `out`, by way of OUT.part; returns, and writes as OUT.json, what was fetched.

    `md5`: what the file must have, where it is known; else its size is all that is checked. `wait`: seconds before a
    broken connection is tried again. Raises ValueError that says what to do: no network, no such file there, no room on
    the disk, another checksum (OUT.part is deleted then).
    """
    part = out.with_name(f"{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    _fetch_all(url, part, wait)
    sums = _sums(part)
    if md5 not in (None, sums["md5"]):
        part.unlink()
        raise ValueError(
            f"{url}: MD5 {sums['md5']}, expected {md5}: not the file that was published; what was fetched is deleted, "
            "run the same command again, and if that ends here, too, fetch the file by hand and compare"
        )
    size = part.stat().st_size
    part.replace(out)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"url": url, "bytes": size, **sums, "checked": "MD5" if md5 else "size", "fetched": when}
    write_record(out.with_name(f"{out.name}.json"), record)
    return record


def _fetch_all(url: str, part: Path, wait: float) -> None:
    """Go on with `part` until it is whole, over as many connections as bring something."""
    failures, reason = 0, None
    while failures < ATTEMPTS:
        before = _size(part)
        try:
            if _fetch_some(url, part):
                return
            reason = "the connection ended before the file did"
        except urllib.error.HTTPError as error:
            if error.code < 500:  # from 500 on the server is in trouble, perhaps not for long
                what = f"{url}: the server says {error.code} ({error.reason}); is the address right?"
                raise ValueError(what) from error
            reason = f"the server says {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
        failures = 0 if _size(part) > before else failures + 1
        log.warning("%s: %s, at %.0f MB; trying again", url, reason, _size(part) / MB)
        time.sleep(wait)
    raise ValueError(
        f"{url}: cannot be fetched ({reason}); is there a network here? The same command goes on from "
        f"{_size(part) / MB:.0f} MB; or fetch the file elsewhere and copy it to {part.with_suffix('')}"
    )


def _fetch_some(url: str, part: Path) -> bool:
    """One connection's worth of bytes, added to `part`; whether it is whole."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
            return True  # there is nothing after what we have
        if error.code == 416:
            part.unlink()  # of another file, longer than this one
            return False
        raise
    with answer, part.open("ab") as file:
        if answer.status != 206:  # a server that cannot go on: from the start
            file.truncate(have := 0)
        rest = answer.headers.get("Content-Length")
        total = None if rest is None else have + int(rest)
        _check_room(part, int(rest or 0))
        _copy(answer, file, part, have, total)
    return total is None or _size(part) == total


def _copy(answer: Any, file: Any, part: Path, have: int, total: int | None) -> None:
    first = f" from {have / MB:.0f} MB on" if have else ""
    progress = Progress(f"{part.stem}{first}", max(1, ((total or 0) - have) // MB), "MB")
    done = 0
    while block := answer.read(BLOCK):
        done += file.write(block)
        if total is not None:
            progress.step(done // MB)


def _check_room(part: Path, need: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if need > free:
        raise ValueError(
            f"{part.parent}: {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB more are to come; make room, or name another folder"
        )


def _sums(path: Path) -> dict[str, str]:
    sums = {name: hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha256")}
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            for each in sums.values():
                each.update(block)
    return {name: each.hexdigest() for name, each in sums.items()}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

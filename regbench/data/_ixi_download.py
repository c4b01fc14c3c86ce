"""Fetch IXI's archives of T1 and T2 images, unless they or their whole contents are there."""

from pathlib import Path

from regbench.data._download import fetch
from regbench.data._ixi_files import ARCHIVES, PUBLISHED, find

BASE = "https://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI"  # where brain-development.org links to
MD5 = {  # of TorchIO-project/torchio, datasets/ixi.py
    "IXI-T1.tar": "34901a0593b41dd19c1a1f746eac2d58",
    "IXI-T2.tar": "e3140d78730ecdd32ba92da48c0a9aaa",
}


def download(folder: Path, base: str = BASE, wait: float = 5.0) -> list[str]:
    """Fetch what is missing of the two archives into `folder`; a line on each, of what was done. Raises as `fetch` does."""
    there, lines = find(folder), []
    for contrast, archive in ARCHIVES.items():
        people, packed = len(there[contrast]), (folder / archive).is_file()
        if packed or people >= PUBLISHED[contrast]:
            place = archive if packed else "unpacked images"
            lines.append(f"{folder}: {place} of {people} people there, {archive} is not fetched")
        else:
            record = fetch(f"{base}/{archive}", folder / archive, MD5.get(archive), wait)
            checked = f"{record['checked']} as expected, SHA-256 {record['sha256']}"
            lines.append(f"{folder / archive}: {record['bytes'] / 1e6:.0f} MB fetched, {checked}")
    return lines

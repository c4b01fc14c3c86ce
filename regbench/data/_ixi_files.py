"""The images of IXI by their names: in folders, or in the archives IXI-T1.tar and IXI-T2.tar as distributed."""

import os
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

CONTRASTS = {"T1w": "T1", "T2w": "T2"}  # ours: as IXI names it
ARCHIVES = {"T1w": "IXI-T1.tar", "T2w": "IXI-T2.tar"}
PUBLISHED = {"T1w": 581, "T2w": 578}  # people in each archive
NAME = re.compile(r"(IXI\d{3}-(?:Guys|HH|IOP)-\d{4})-(T1|T2)\.nii(?:\.gz)?")  # person: number, site, scan


@dataclass(frozen=True)
class Source:
    """Where one image is: a file, or the member of an archive that has `size` bytes at `offset`."""

    path: Path
    member: str = ""
    offset: int = 0
    size: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)


Found = dict[str, dict[str, list[Source]]]  # by contrast and person


def find(folder: Path) -> Found:
    """All images in a folder or below it; of people who have none of a contrast there, those in its archive.

    ValueError names an archive that is none, or is cut short; one that everybody is unpacked from is not opened.
    """
    found: Found = {contrast: {} for contrast in CONTRASTS}
    ours = {theirs: contrast for contrast, theirs in CONTRASTS.items()}
    for where, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for match in filter(None, map(NAME.fullmatch, sorted(names))):
            found[ours[match[2]]].setdefault(match[1], []).append(Source(Path(where) / match[0]))
    for contrast, archive in ARCHIVES.items():
        if len(found[contrast]) < PUBLISHED[contrast] and (folder / archive).is_file():
            found[contrast] = _members(folder / archive, CONTRASTS[contrast]) | found[contrast]
    return found


def _members(archive: Path, contrast: str) -> dict[str, list[Source]]:
    """The archive's images of one contrast by person; only headers are read."""
    members: dict[str, list[Source]] = {}
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                match = NAME.fullmatch(Path(member.name).name)
                if member.isfile() and match and match[2] == contrast:
                    source = Source(archive, member.name, member.offset_data, member.size)
                    members.setdefault(match[1], []).append(source)
            file.seek(
                tar.offset
            )  # tarfile takes a header that is cut off for the end, which is a block of zeros
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise tarfile.ReadError("it has no end")
    except tarfile.TarError as error:
        raise ValueError(
            f"{archive}: not a whole tar archive ({error}); rename it to {archive.name}.part and "
            "`snakemake --cores 1 download_ixi` goes on where it ends, or copy it again"
        ) from error
    return members


def unpacked(source: Source, folder: Path) -> Path:
    """The file that an image is, or becomes once it is unpacked into `folder`."""
    return folder / Path(source.member).name if source.member else source.path


def unpack(source: Source, folder: Path) -> Path:
    """The image's file; of an archive unpacked now, unless it is there whole. A stopped job leaves no half of one."""
    path = unpacked(source, folder)
    if not source.member or (path.is_file() and path.stat().st_size == source.size):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with source.path.open("rb") as archive, part.open("wb") as out:
        archive.seek(source.offset)
        left = source.size
        while left and (block := archive.read(min(left, 2**20))):
            left -= out.write(block)
    part.replace(path)
    return path

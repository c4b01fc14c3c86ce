"""Downloads from a server on this machine that breaks off, lies or is not there."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from regbench.data import _download, _ixi_download, load_dataset
from regbench.data._download import fetch
from regbench.study import DatasetSettings
from tests.data.distributed import ixi_images, lay_ixi, tar

CONTENT = bytes(range(256)) * 300
MD5 = hashlib.md5(CONTENT).hexdigest()


@contextmanager
def server(
    files: dict[str, bytes], most: int | None = None, ranges: bool = True, busy: int = 0
) -> Iterator[SimpleNamespace]:
    """Serves files by name; each answer breaks off after `most` bytes; the first `busy` are a 503. `asked` collects the ranges that were asked for."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name, wanted = self.path.rpartition("/")[2], self.headers["Range"]
            asked.append((name, wanted))
            if len(asked) <= busy:
                return self.send_error(503)
            if name not in files:
                return self.send_error(404)
            content, start = files[name], 0
            if wanted and ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][:most])
            return None

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield SimpleNamespace(address=f"http://127.0.0.1:{http.server_port}", asked=asked)
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def get(at, folder, md5=MD5):
    return fetch(f"{at.address}/file", folder / "file", md5, wait=0)


def test_a_connection_that_breaks_again_and_again_is_gone_on_from_where_it_ended(tmp_path):
    with server({"file": CONTENT}, most=20_000) as at:
        record = get(at, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert at.asked == [("file", None), *(("file", f"bytes={n}-") for n in (20_000, 40_000, 60_000))]
    assert record == json.loads((tmp_path / "file.json").read_text())
    assert (record["bytes"], record["checked"]) == (len(CONTENT), "MD5")
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert not (tmp_path / "file.part").exists()


def test_a_stopped_command_is_gone_on_from_where_it_ended(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:50_000])
    with server({"file": CONTENT}) as at:
        get(at, tmp_path)
    assert at.asked == [("file", "bytes=50000-")]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_that_was_whole_but_not_renamed_is_not_fetched_again(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    with server({"file": CONTENT}) as at:
        get(at, tmp_path)
    assert at.asked == [("file", f"bytes={len(CONTENT)}-")]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_is_longer_than_the_file_is_fetched_anew(tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    with server({"file": CONTENT}) as at:
        get(at, tmp_path)
    assert [wanted for _, wanted in at.asked] == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 30_000)
    with server({"file": CONTENT}, ranges=False) as at:
        get(at, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_without_a_known_checksum_the_size_is_checked_and_the_sums_are_kept(tmp_path):
    with server({"file": CONTENT}) as at:
        record = get(at, tmp_path, md5=None)
    assert (record["checked"], record["md5"]) == ("size", MD5)


def test_another_file_than_was_published_is_refused_and_deleted(tmp_path):
    with server({"file": CONTENT[:-1] + b"?"}) as at, pytest.raises(ValueError, match=f"expected {MD5}"):
        get(at, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_network_is_told_with_what_to_do_and_costs_nothing_of_what_is_there(tmp_path):
    with server({}) as at:
        pass  # and gone
    (tmp_path / "file.part").write_bytes(CONTENT[:100])
    with pytest.raises(ValueError, match="is there a network here") as caught:
        get(at, tmp_path)
    assert str(tmp_path / "file") in str(caught.value)
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:100]


def test_an_address_without_the_file_is_told_at_once(tmp_path):
    with server({}) as at, pytest.raises(ValueError, match=r"/file: the server says 404"):
        get(at, tmp_path)
    assert len(at.asked) == 1


def test_a_server_in_trouble_is_asked_again_but_not_for_ever(tmp_path):
    with server({"file": CONTENT}, busy=2) as at:
        get(at, tmp_path)
    assert len(at.asked) == 3
    with server({"file": CONTENT}, busy=9) as at, pytest.raises(ValueError, match="the server says 503"):
        get(at, tmp_path)


def test_a_disk_without_room_is_told_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with (
        server({"file": CONTENT}) as at,
        pytest.raises(ValueError, match="make room, or name another folder"),
    ):
        get(at, tmp_path)


@pytest.fixture
def archives(monkeypatch):
    """IXI's two archives, small, with their checksums in place of the real ones'."""
    files = {f"{name}.tar": tar(content) for name, content in ixi_images().items()}
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(_ixi_download, "MD5", sums)
    return files


def test_ixi_s_archives_are_fetched_over_a_broken_connection_and_are_a_dataset(tmp_path, archives):
    with server(archives, most=30_000) as at:
        lines = _ixi_download.download(tmp_path / "ixi", at.address, wait=0)
    assert len(at.asked) > 2
    assert all("MD5 as expected" in line for line in lines)
    dataset = load_dataset(DatasetSettings(type="ixi", path=str(tmp_path / "ixi"), val=2), tmp_path / "out")
    assert len(dataset.subjects()) == 12


def test_what_is_there_packed_or_not_is_not_fetched(tmp_path, archives, monkeypatch):
    monkeypatch.setattr(_ixi_download, "PUBLISHED", {"T1w": 14, "T2w": 14})
    lay_ixi(tmp_path, archives=False)
    shutil.rmtree(tmp_path / "IXI-T2")
    with server(archives) as at:
        first = _ixi_download.download(tmp_path, at.address, wait=0)
        second = _ixi_download.download(tmp_path, at.address, wait=0)
    assert [name for name, _ in at.asked] == ["IXI-T2.tar"]
    assert first[0].endswith("unpacked images of 14 people there, IXI-T1.tar is not fetched")
    assert second[1].endswith("IXI-T2.tar of 14 people there, IXI-T2.tar is not fetched")


def test_some_unpacked_images_are_not_the_archive(tmp_path, archives):
    lay_ixi(tmp_path, archives=False)
    with server(archives) as at:
        lines = _ixi_download.download(tmp_path, at.address, wait=0)
    assert [name for name, _ in at.asked] == ["IXI-T1.tar", "IXI-T2.tar"]
    assert all("MB fetched" in line for line in lines)

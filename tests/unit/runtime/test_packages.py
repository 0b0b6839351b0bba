"""Zips come from users and may be hostile."""

import asyncio
import io
import os
import threading
import zipfile

import pytest

from pileus.runtime import packages as module
from pileus.runtime.packages import InvalidPackage, Packages


@pytest.fixture
def packages(tmp_path):
    return Packages(tmp_path / "packages")


def zipped(*entries: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, str]:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = 0o120777 << 16
    return entry, target


async def test_the_same_bytes_are_unpacked_once(packages):
    data = zipped(("a/b.txt", "hello"))
    first = await packages.unpack(data)
    stamp = (first / "a/b.txt").stat().st_ino
    assert await packages.unpack(data) == first
    assert (first / "a/b.txt").stat().st_ino == stamp
    assert (first / "a/b.txt").read_text() == "hello"


async def test_the_same_bytes_may_be_unpacked_side_by_side(packages, monkeypatch):
    both_are_there = threading.Barrier(2, timeout=10)
    extract = module._extract

    def extract_together(archive, folder):
        both_are_there.wait()
        extract(archive, folder)
        both_are_there.wait()

    monkeypatch.setattr(module, "_extract", extract_together)
    data = zipped(("a/b.txt", "hello"))
    one, other = await asyncio.gather(packages.unpack(data), packages.unpack(data))
    assert one == other and (one / "a/b.txt").read_text() == "hello"
    assert os.listdir(packages.folder) == [one.name]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil"])
async def test_no_name_leaves_the_folder(packages, name):
    with pytest.raises(InvalidPackage):
        await packages.unpack(zipped((name, "x")))
    assert os.listdir(packages.folder) == []


async def test_nothing_is_written_through_a_link(packages, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(InvalidPackage):
        await packages.unpack(zipped(link("door", str(outside)), ("door/evil", "x")))
    first = await packages.unpack(zipped(link("door", str(outside)), ("kept", "")))
    second = await packages.unpack(zipped(("door/evil", "x")))
    merged = await packages.merged((str(first), str(second)))
    assert (merged / "door/evil").read_text() == "x" and (merged / "kept").exists()
    assert list(outside.iterdir()) == []


async def test_links_inside_a_package_work(packages):
    folder = await packages.unpack(zipped(("lib.so.1", "x"), link("lib.so", "lib.so.1")))
    assert (folder / "lib.so").read_text() == "x"


async def test_too_much_is_refused_whatever_the_directory_says(packages, monkeypatch):
    monkeypatch.setattr(module, "UNZIPPED_LIMIT_BYTES", 1000)
    assert (await packages.unpack(zipped(("a", "x" * 1000)))).is_dir()
    with pytest.raises(InvalidPackage, match="Unzipped size must be smaller than 1000 bytes"):
        await packages.unpack(zipped(("a", "x" * 1001)))
    lying = bytearray(zipped(("a", "x" * 5000)))
    for position in (lying.index(b"PK\x03\x04") + 22, lying.index(b"PK\x01\x02") + 24):
        lying[position : position + 4] = (10).to_bytes(4, "little")
    with pytest.raises(InvalidPackage):
        await packages.unpack(bytes(lying))


async def test_what_is_no_zip_is_refused_and_leaves_nothing(packages):
    with pytest.raises(InvalidPackage, match="Could not unzip uploaded file"):
        await packages.unpack(b"no zip at all")
    assert os.listdir(packages.folder) == []


async def test_files_are_readable_and_programs_stay_programs(packages):
    secret, program = zipfile.ZipInfo("secret"), zipfile.ZipInfo("bootstrap")
    secret.external_attr, program.external_attr = 0o600 << 16, 0o755 << 16
    folder = await packages.unpack(zipped((secret, "x"), (program, "x")))
    assert (folder / "secret").stat().st_mode & 0o777 == 0o644
    assert (folder / "bootstrap").stat().st_mode & 0o777 == 0o755

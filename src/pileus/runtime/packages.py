"""Function packages and layers: unpacked once by digest into folders nobody writes to again.

A zip comes from a user and may be hostile: names that leave the folder, links, sizes that lie, thousands of entries.
"""

import asyncio
import hashlib
import io
import os
import pathlib
import shutil
import stat
import tempfile
import zipfile
import zlib

UNZIPPED_LIMIT_BYTES = 262_144_000
"""Function and layers together, unzipped. Source: Lambda quotas, "Deployment package (.zip file archive) size": 250 MB."""

ENTRIES_LIMIT = 200_000
"""Our own: no package that fits has as many, and each costs an inode."""


class InvalidPackage(Exception):
    """The zip can't be used. The text is AWS's where AWS has one."""


_UNUSABLE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a compression that Python lacks
    EOFError,
    RuntimeError,  # encrypted
    FileExistsError,  # two entries that can't both be: a file and, in its place, a folder
    IsADirectoryError,
    NotADirectoryError,
)


class Packages:
    """The folder of unpacked packages. A package is complete or not there: it is unpacked aside and renamed."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._merging = asyncio.Lock()

    async def unpack(self, archive: pathlib.Path | bytes, digest: str | None = None) -> pathlib.Path:
        """The folder with what the zip holds. `digest` (hex SHA-256 of the zip) saves reading it when it is known."""
        return await asyncio.to_thread(self._unpack, archive, digest)

    async def merged(self, layers: tuple[str, ...]) -> pathlib.Path | None:
        """One folder with the layers' files, later layers over earlier ones; None without layers."""
        if not layers:
            return None
        if len(layers) == 1:
            return pathlib.Path(layers[0])
        async with self._merging:
            return await asyncio.to_thread(self._merge, layers)

    def remove(self, folder: pathlib.Path) -> None:
        """No function refers to it any more."""
        assert folder.parent == self.folder
        shutil.rmtree(folder, ignore_errors=True)

    def _unpack(self, archive: pathlib.Path | bytes, digest: str | None) -> pathlib.Path:
        if digest is None:
            digest = hashlib.sha256(archive if isinstance(archive, bytes) else archive.read_bytes()).hexdigest()
        target = self.folder / digest
        if target.exists():
            return target
        aside = self._aside(digest)
        try:
            with zipfile.ZipFile(io.BytesIO(archive) if isinstance(archive, bytes) else archive) as opened:
                _extract(opened, aside)
        except _UNUSABLE as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise InvalidPackage(
                "Could not unzip uploaded file. Please check your file, then try to upload again."
            ) from error
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        return self._place(aside, target)

    def _merge(self, layers: tuple[str, ...]) -> pathlib.Path:
        digest = hashlib.sha256("\n".join(layers).encode()).hexdigest()
        target = self.folder / f"layers-{digest}"
        if target.exists():
            return target
        aside = self._aside(digest)
        for layer in layers:
            _merge_into(aside, layer)
        return self._place(aside, target)

    def _aside(self, digest: str) -> pathlib.Path:
        """A folder of one's own: the functions of a template are made side by side and may all have the same zip."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return pathlib.Path(tempfile.mkdtemp(prefix=f".{digest}.", dir=self.folder))

    def _place(self, aside: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        aside.chmod(0o755)
        try:
            aside.rename(target)
        except OSError:
            if not target.exists():
                raise
            shutil.rmtree(aside, ignore_errors=True)  # somebody was faster with the same bytes
        return target


def _merge_into(target: pathlib.Path, source: str | os.DirEntry) -> None:
    """Lay one folder over another. By hard links, not copies: nobody writes to the files, and they may be 250 MB.

    A folder replaces a symbolic link of an earlier layer: what is written through that could land anywhere.
    """
    for entry in os.scandir(source):
        place = target / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if os.path.lexists(place) and not (is_folder and place.is_dir() and not place.is_symlink()):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()
        if is_folder:
            place.mkdir(exist_ok=True)
            _merge_into(place, entry)
        else:
            os.link(entry.path, place, follow_symlinks=False)


def _extract(archive: zipfile.ZipFile, folder: pathlib.Path) -> None:
    entries = archive.infolist()
    if len(entries) > ENTRIES_LIMIT:
        raise InvalidPackage(f"The package has more than {ENTRIES_LIMIT} entries.")
    left = UNZIPPED_LIMIT_BYTES
    if sum(entry.file_size for entry in entries) > left:
        raise InvalidPackage(f"Unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes")
    links: list[tuple[pathlib.Path, str]] = []
    for entry in entries:
        path = _safe_path(folder, entry.filename)
        mode = entry.external_attr >> 16
        if entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(mode):
            links.append((path, archive.read(entry).decode("utf-8", "surrogateescape")))
            continue
        left = _write(archive, entry, path, left)
        # Readable whatever the zip says: many tools write 0600 or nothing, and the function is another user here.
        path.chmod(0o755 if mode & 0o111 else 0o644)
    # Links last, so that no file is written through one. What they point to is resolved inside the sandbox.
    for path, target in links:
        if os.path.lexists(path):
            path.unlink()
        path.symlink_to(target)


def _safe_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise InvalidPackage("Could not unzip uploaded file. Please check your file, then try to upload again.")
    return folder.joinpath(*parts)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: pathlib.Path, left: int) -> int:
    """Write one file; returns how many bytes are left of the limit. The sizes in a zip's directory may lie."""
    with archive.open(entry) as source, open(path, "wb") as target:
        while part := source.read(1 << 18):
            left -= len(part)
            if left < 0:
                raise InvalidPackage(f"Unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes")
            target.write(part)
    return left

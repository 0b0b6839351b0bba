"""Folders on disk."""

import os
from pathlib import Path


def sync_folder(path: Path | str) -> None:
    """Bring a folder's names to the disk: a file that is new, renamed or gone is so after a loss of power, too."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

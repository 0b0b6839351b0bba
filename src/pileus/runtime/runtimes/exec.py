"""The zygote of languages that are programs of their own: a bare process that forks, enters the sandbox and becomes them."""

import pathlib

from pileus.runtime import sandbox


def zygote_settings(prefix: pathlib.Path | None, ca_bundle: str) -> dict:
    return sandbox.root_settings(prefix=prefix, packages=[], argv=[], site="", preload=False, ca_bundle=ca_bundle)

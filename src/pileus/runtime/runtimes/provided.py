"""Custom runtimes (provided, provided.al2, provided.al2023): the function brings a program named bootstrap.

Source: Lambda developer guide, "Building a custom runtime for AWS Lambda".
"""

import os
import pathlib

from pileus.runtime.runtimes import Interpreter, Launch, Paths, Told
from pileus.runtime.runtimes.exec import zygote_settings
from pileus.runtime.spec import FunctionSpec, RuntimeMissing

NOTHING = pathlib.Path("/")


class Provided:
    async def interpreter(self, runtime: str) -> Interpreter:
        return Interpreter("provided", "linux", NOTHING, NOTHING)

    def zygote_settings(self, interpreter: Interpreter, ca_bundle: str) -> dict:
        return zygote_settings(None, ca_bundle)

    async def launch(self, spec: FunctionSpec, interpreter: Interpreter, paths: Paths, told: Told) -> Launch:
        places = [(spec.code, f"{paths.task}/bootstrap"), *((layer, f"{paths.opt}/bootstrap") for layer in spec.layers)]
        for folder, inside in places:
            if os.path.lexists(os.path.join(folder, "bootstrap")):
                return Launch([inside], shows_secret=False)
        raise RuntimeMissing("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")

"""The part of the build that pyproject.toml can't say: the modules that every request runs through are compiled.

`pip install .` and `pip install -e .` do it; after an edit `make compiled` does. Without a C compiler or Python's headers
the build warns, and everything runs from its source, slower. What finds the compiled modules at run time, and why it
can't find outdated ones, is in src/pileus/compiled.py.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path("src")
sys.path.insert(0, str(SOURCES / "pileus"))
from compiled import FOLDER, file_name  # noqa: E402

# Found by sampling the server under the loads of bench/: what took at least a hundredth of one of them.
HOT = {
    "authn": "canonical payload signed sigv4",
    "authz": "conditions context evaluate statement",
    "gateway": "authenticate authorize connection incoming local outgoing pipeline turn",
    "kernel": "call clock http ids",
    "protocol": "identify json models rest rest_xml routes scalars trees validate",
    "services/dynamodb": "addresses authorize parameters",
    "services/dynamodb/expressions": "binding condition placeholders projection update",
    "services/dynamodb/operations": "items reads",
    "services/dynamodb/state": "indexes items keys ranges reading rows tables writing",
    "services/dynamodb/values": "ordered read sizes",
    "services/s3": "answers asked bodies reading",
    "services/s3/operations": "objects",
    "services/s3/state": "buckets objects",
    "services/sqs": "addresses authorize parameters",
    "services/sqs/operations": "messages",
    "services/sqs/state": "backlogs messages queues tables",
    "store": "blobs keys overlay recent rocks store table transaction wal",
}
PATHS = [f"pileus/{folder}/{name}.py" for folder, names in HOT.items() for name in names.split()]

# As the interpreter runs it: annotations stay remarks, nothing becomes a C type.
DIRECTIVES = {"language_level": 3, "annotation_typing": False, "infer_types": False, "binding": True}
ATTRIBUTES = Path("native/attributes.h")
FLAGS = ["-O2", "-g0", "-w", "-include", str(ATTRIBUTES)]
LOOKS_FIRST = {
    "static CYTHON_INLINE PyObject* __Pyx_PyObject_GetAttrStr(PyObject* obj, PyObject* attr_name) {\n":
    "    PyObject* in_slot = pileus_get_slot(obj, attr_name);\n    if (in_slot) return in_slot;\n",
    "static CYTHON_INLINE int __Pyx_PyObject_SetAttrStr(PyObject* obj, PyObject* attr_name, PyObject* value) {\n":
    "    if (pileus_set_slot(obj, attr_name, value)) return 0;\n",
}  # fmt: skip
"""How Cython's functions begin that find and set an attribute, and what they do first. One that begins otherwise is left
as it is: it works, slower."""


class BuildCompiled(build_ext):
    """Compiles what has changed, into one folder, each module under the hash of its source."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = os.cpu_count()

    def get_ext_filename(self, fullname: str) -> str:
        source = SOURCES / (fullname.replace(".", "/") + ".py")
        return f"pileus/{FOLDER}/{file_name(fullname, source.read_bytes())}"

    def get_ext_fullpath(self, ext_name: str) -> str:
        return f"{self.build_lib}/{self.get_ext_filename(ext_name)}"

    def build_extensions(self) -> None:
        names = [self.get_ext_filename(extension.name) for extension in self.extensions]
        missing = []
        for extension, name in zip(self.extensions, names, strict=True):
            if not (SOURCES / name).exists():
                missing.append(extension)
            elif not self.is_in_place:
                self._copy(SOURCES / name, Path(self.build_lib, name))
        if missing:
            from Cython.Build import cythonize

            # By processes, which elsewhere would begin with this file.
            processes = self.parallel if sys.platform == "linux" else 0
            translated = cythonize(
                missing, compiler_directives=DIRECTIVES, nthreads=processes, build_dir=self.build_temp, quiet=True
            )
            for extension, in_c in zip(missing, translated, strict=True):
                extension.sources = in_c.sources
                self._look_into_slots(Path(in_c.sources[0]))
            self.extensions = missing
            super().build_extensions()
        if self.is_in_place:
            for name in names:
                if Path(self.build_lib, name).exists():
                    self._copy(Path(self.build_lib, name), SOURCES / name)
            for path in (SOURCES / "pileus" / FOLDER).glob("*"):
                if f"pileus/{FOLDER}/{path.name}" not in names:
                    path.unlink()

    def _look_into_slots(self, in_c: Path) -> None:
        """Let the module remember where attributes are: native/attributes.h."""
        text = in_c.read_text()
        for begin, first in LOOKS_FIRST.items():
            if first not in text:
                text = text.replace(begin, begin + first)
        in_c.write_text(text)

    def run(self) -> None:
        self.is_in_place, self.inplace = bool(self.inplace), False
        super().run()

    def get_output_mapping(self) -> dict[str, str]:
        return {}

    def _copy(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


if __name__ == "__main__":
    extensions = [
        Extension(
            path[:-3].replace("/", "."),
            [str(SOURCES / path)],
            extra_compile_args=FLAGS,
            depends=[str(ATTRIBUTES)],
            optional=True,
        )
        for path in PATHS
    ]
    setup(ext_modules=extensions, cmdclass={"build_ext": BuildCompiled})

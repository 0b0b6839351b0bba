"""Code that stands in a template (Code.ZipFile): one file named index, and the cfn-response module where it is used.

Source: CloudFormation template reference, AWS::Lambda::Function Code, ZipFile; user guide, "cfn-response module".
"""

import io
import re
import zipfile
from pathlib import Path

from pileus.stacks.resource import InvalidProperty

LIMIT_CHARACTERS = 4_194_304
MODULES = Path(__file__).with_name("inline")

_IMPORTS_IN_PYTHON = re.compile(r"^\s*(import\s+cfnresponse|from\s+cfnresponse\s+import)", re.MULTILINE)
_IMPORTS_IN_NODE = re.compile(r"""(require\(|from\s+)\s*["'`](\./)?cfn-response["'`]""")


def package(source: str, runtime: str) -> bytes:
    """A zip of it, the same bytes for the same text: CodeSha256 tells whether anything changed."""
    if len(source) > LIMIT_CHARACTERS:
        raise InvalidProperty(f"ZipFile can have {LIMIT_CHARACTERS} characters at most")
    files = {}
    if runtime.startswith("python"):
        files["index.py"] = source
        if _IMPORTS_IN_PYTHON.search(source):
            files["cfnresponse.py"] = (MODULES / "cfnresponse.py").read_text()
    elif runtime.startswith("nodejs"):
        files["index.js"] = source
        if _IMPORTS_IN_NODE.search(source):
            files["node_modules/cfn-response/index.js"] = (MODULES / "cfn-response.js").read_text()
            files["cfn-response.js"] = "module.exports = require('cfn-response');\n"
    else:
        raise InvalidProperty(f"ZipFile can be used with Python and Node.js runtimes only, not with {runtime}")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return data.getvalue()

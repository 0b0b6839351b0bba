"""What the documents print of the code is what the code says."""

import re
from pathlib import Path

from pileus.cli.coverage import table
from pileus.kernel.service import Registry

ROOT = Path(__file__).parents[2]


def test_the_readme_shows_todays_coverage():
    shown = re.search(
        r"<!-- pileus coverage --markdown -->\n(.*?)\n?<!-- end -->", (ROOT / "README.md").read_text(), re.S
    )
    services = list(Registry.discover("pileus.services").services.values())
    assert shown.group(1) == table(services), "run: pileus coverage --markdown, and put it into README.md"


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))

"""How Sphinx builds these pages into a site: `make docs`. The pages read well without it, too."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

project = "Dreamer ablation suite"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_copy_source = False
highlight_language = "text"  # of blocks without a language
html_show_copyright = False
myst_enable_extensions = ["html_image"]  # pictures with a width
myst_heading_anchors = 3  # the anchors that GitHub gives


def home(app: Any, page: str, source: list[str]) -> None:
    """Puts README.md on the home page, with its links as seen from this folder."""
    if page == "index":
        source[0] = linked_from_docs((ROOT / "README.md").read_text(encoding="utf-8")) + source[0]


def linked_from_docs(readme: str) -> str:
    """The README with its relative links as seen from the folder of this file."""
    return re.sub(r"\]\((?!\w+:|#)", "](../", readme).replace("](../docs/", "](")


def setup(app: Any) -> None:
    """Registers what this site does besides Sphinx's own."""
    app.connect("source-read", home)

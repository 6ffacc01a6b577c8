"""Makes the pictures of these pages from those of the showcases, without the caption: `make docs-figures`.

A page that shows `figures/<path>.png` gets results/showcase/<path>.png, cut to the size of the figure itself, which the
PDF beside it has. What no page shows any more is removed.
"""

import re
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
FIGURES, SHOWCASE = ROOT / "docs/figures", ROOT / "results/showcase"


def shown() -> set[str]:
    """The figures that the pages show, as paths below FIGURES."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    return {name for page in pages for name in re.findall(r"\]\((?:docs/)?figures/([^)]+\.png)\)", page.read_text())}


def without_caption(path: Path) -> Image.Image:
    """The picture of a PNG without the caption below the figure.

    Args:
        path: The PNG of an analysis. The PDF beside it shows the same figure, and has no caption.
    """
    box = re.search(rb"/MediaBox \[ *0 +0 +([\d.]+) +([\d.]+) *\]", path.with_suffix(".pdf").read_bytes())
    if box is None:
        raise ValueError(f"{path.with_suffix('.pdf')}: no size of a page")
    with Image.open(path) as picture:
        points, height = float(box[1]), float(box[2])
        return picture.crop((0, 0, picture.width, int(round(height / points * picture.width, 6))))


def main() -> None:
    """Writes every picture that the pages show."""
    names = shown()
    for name in sorted(names):
        place = FIGURES / name
        place.parent.mkdir(parents=True, exist_ok=True)
        without_caption(SHOWCASE / name).save(place, optimize=True)
        print(place.relative_to(ROOT))
    for path in FIGURES.rglob("*.png"):
        if str(path.relative_to(FIGURES)) not in names:
            path.unlink()


if __name__ == "__main__":
    main()

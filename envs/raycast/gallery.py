"""Draws images of OpenGL and the ray caster side by side: `python -m envs.raycast.gallery OUT.png`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from envs.raycast import Raycaster
from envs.raycast.opengl import SCENES, draw_by_opengl, pose

_ZOOM, _COLUMNS, _MARGIN, _TITLE = 3, 3, 8, 16


def draw_by_raycaster(size: int = 64) -> np.ndarray:
    """Images of all SCENES, uint8 (scenes, size, size, 3)."""
    pictures = []
    for domain, task, camera in SCENES:
        physics = pose(domain, task)
        pictures.append(Raycaster(physics.model.ptr, size, size).render(physics.data.ptr, camera))
    return np.stack(pictures)


def arrange(rows: Sequence[tuple[str, Sequence[np.ndarray]]]) -> Image.Image:
    """One sheet of titled groups of images; each image is uint8 (H, W, 3), drawn enlarged."""
    height, width = (_ZOOM * length for length in rows[0][1][0].shape[:2])
    cell_width = len(rows[0][1]) * width + _MARGIN
    cell_height = height + _TITLE + _MARGIN
    lines = -(-len(rows) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * cell_width + _MARGIN, lines * cell_height + _MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (title, pictures) in enumerate(rows):
        x = _MARGIN + place % _COLUMNS * cell_width
        y = _MARGIN + place // _COLUMNS * cell_height
        pen.text((x, y), title, fill="black")
        for picture in pictures:
            enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (x, y + _TITLE))
            x += width
    return sheet


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the gallery and prints the mean absolute difference of each pair, in grey levels."""
    parser = argparse.ArgumentParser(prog="python -m envs.raycast.gallery", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png", help="image to write")
    out = parser.parse_args(arguments).out
    os.environ["MUJOCO_GL"] = "disable"  # for this process only; the reference is drawn in another process
    ours, reference = draw_by_raycaster(), draw_by_opengl()
    if reference is None:
        print("OpenGL is not available here: the gallery shows the ray caster only")
    else:
        print(f"left: OpenGL ({reference['backend']}), right: ray caster; mean absolute difference in grey levels")
    rows: list[tuple[str, list[np.ndarray]]] = []
    for i, (domain, task, _) in enumerate(SCENES):
        name = f"{domain}_{task}"
        if reference is None:
            rows.append((name, [ours[i]]))
            continue
        theirs = reference["pictures"][i]
        difference = np.abs(ours[i].astype(float) - theirs).mean()
        print(f"{name:24} {difference:5.2f}")
        rows.append((f"{name}  {difference:.2f}", [theirs, ours[i]]))
    arrange(rows).save(out, optimize=True)


if __name__ == "__main__":
    main()

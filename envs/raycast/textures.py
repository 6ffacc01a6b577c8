"""A model's textures as mipmaps, and the kernels that look up colours in them.

As in OpenGL, a look-up blends the four nearest texels on each of the two levels whose texel size is nearest to the
pixel's footprint (OpenGL 2.1 specification, section 3.8.8).
"""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math
from typing import NamedTuple

import mujoco
import numpy as np

from envs.raycast.compiler import kernel

# The most levels of a mipmap: enough for images with sides of 32768 texels.
_LEVELS = 16

# A texture: one image, or the six sides of a cube; each level of an image is half as large as the one before.
TEXTURE = np.dtype(
    [
        ("cube", np.int64),
        ("levels", np.int64),
        ("height", np.int64, _LEVELS),
        ("width", np.int64, _LEVELS),
        ("start", np.int64, (6, _LEVELS)),  # first texel of each side and level
    ]
)


class Textures(NamedTuple):
    """All textures of a model."""

    table: np.ndarray  # TEXTURE (T)
    texels: np.ndarray  # uint8 (texels, 3): all levels of all images, row by row
    sky: int  # index of the sky's texture, or -1


def _halve(image: np.ndarray, axis: int) -> np.ndarray:
    """Halves one axis of an image by linear interpolation between the texels around each new centre."""
    length = image.shape[axis]
    new = max(1, length // 2)
    centre = (np.arange(new) + 0.5) * length / new - 0.5
    low = np.floor(centre).astype(int)
    high = np.minimum(low + 1, length - 1)
    weight = (centre - low).reshape([-1 if i == axis else 1 for i in range(image.ndim)])
    return image.take(low, axis) * (1 - weight) + image.take(high, axis) * weight


def _pyramid(image: np.ndarray) -> list[np.ndarray]:
    """The mipmap levels of a uint8 image (H, W, 3), from the image itself to a single texel."""
    levels = [image]
    while levels[-1].shape[:2] != (1, 1):
        smaller = _halve(_halve(levels[-1].astype(np.float32), 0), 1)
        levels.append(np.rint(smaller).astype(np.uint8))
    return levels


def load_textures(model: mujoco.MjModel) -> Textures:
    """Reads a compiled model's textures and builds their mipmaps."""
    table = np.zeros(model.ntex, TEXTURE)
    texels = [np.zeros((1, 3), np.uint8)]
    total, sky = 1, -1
    for i, row in enumerate(table):
        height, width, channels = model.tex_height[i], model.tex_width[i], model.tex_nchannel[i]
        begin = model.tex_adr[i]
        image = np.asarray(model.tex_data[begin : begin + height * width * channels]).reshape(height, width, channels)
        image = image[..., :3] if channels >= 3 else np.repeat(image[..., :1], 3, -1)
        row["cube"] = model.tex_type[i] != mujoco.mjtTexture.mjTEXTURE_2D
        if model.tex_type[i] == mujoco.mjtTexture.mjTEXTURE_SKYBOX and sky < 0:
            sky = i
        # A cube's sides are stacked from top to bottom, or are all equal.
        sides = image.reshape(-1, width, width, 3) if row["cube"] else image[None]
        for side, pyramid in enumerate(_pyramid(side) for side in sides):
            row["levels"] = len(pyramid)
            for level, picture in enumerate(pyramid):
                row["height"][level], row["width"][level] = picture.shape[:2]
                row["start"][side, level] = total
                texels.append(picture.reshape(-1, 3))
                total += len(texels[-1])
        row["start"][len(sides) :] = row["start"][0]
    return Textures(table, np.concatenate(texels), sky)


@kernel
def _bilinear(textures, texture, side, level, u, v):
    height, width = texture.height[level], texture.width[level]
    x, y = u * width - 0.5, v * height - 0.5
    column, row = math.floor(x), math.floor(y)
    fx, fy = x - column, y - row
    if texture.cube == 0:
        c0, c1, r0, r1 = column % width, (column + 1) % width, row % height, (row + 1) % height
    else:
        c0, c1 = min(max(column, 0), width - 1), min(max(column + 1, 0), width - 1)
        r0, r1 = min(max(row, 0), height - 1), min(max(row + 1, 0), height - 1)
    base = texture.start[side, level]
    a, b = base + r0 * width + c0, base + r0 * width + c1
    c, d = base + r1 * width + c0, base + r1 * width + c1
    wa, wb, wc, wd = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    texels = textures.texels
    return (
        (wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0]) / 255,
        (wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1]) / 255,
        (wa * texels[a, 2] + wb * texels[b, 2] + wc * texels[c, 2] + wd * texels[d, 2]) / 255,
    )


@kernel
def look_up(textures, texture, side, u, v, footprint):
    """The colour in [0, 1] at (u, v) of a texture's image, averaged over `footprint` texels of the finest level."""
    level = math.log2(footprint) if footprint > 1 else 0.0
    last = texture.levels - 1
    if level >= last:
        return _bilinear(textures, texture, side, last, u, v)
    low = int(level)
    weight = level - low
    r, g, b = _bilinear(textures, texture, side, low, u, v)
    if weight > 0:
        r1, g1, b1 = _bilinear(textures, texture, side, low + 1, u, v)
        r, g, b = r + weight * (r1 - r), g + weight * (g1 - g), b + weight * (b1 - b)
    return r, g, b


@kernel
def look_around(textures, texture, x, y, z, spread):
    """The colour in direction (x, y, z) of a cube texture, averaged over a cone of `spread` radians.

    The sides and their axes follow table 3.19 of the OpenGL 2.1 specification.
    """
    ax, ay, az = abs(x), abs(y), abs(z)
    if ax >= ay and ax >= az:
        side, major, s, t = (0, ax, -z, -y) if x > 0 else (1, ax, z, -y)
    elif ay >= az:
        side, major, s, t = (2, ay, x, z) if y > 0 else (3, ay, x, -z)
    else:
        side, major, s, t = (4, az, x, -y) if z > 0 else (5, az, -x, -y)
    length = math.sqrt(x * x + y * y + z * z)
    # A cone of one radian covers half a side's width at its centre, and more towards its edges.
    footprint = 0.5 * texture.width[0] * spread * (length / major)
    return look_up(textures, texture, side, 0.5 * (s / major + 1), 0.5 * (t / major + 1), footprint)

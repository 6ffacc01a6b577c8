"""How bright a surface looks: the lighting equation of fixed-function OpenGL, which MuJoCo's own renderer uses.

OpenGL 2.1 specification, section 2.14.1: colour = emission + sum over lights of attenuation * spot *
(ambient + diffuse * max(N.L, 0) + specular * max(N.H, 0)^shininess), cut off at 1.
"""

import math
from typing import NamedTuple

import mujoco
import numpy as np

from envs.raycast.compiler import kernel

# `which` of `illuminate`, besides the number of a single light.
ALL, SHADOWLESS = -2, -1


class Lights(NamedTuple):
    """The lights of one frame, K of them."""

    directional: np.ndarray  # bool (K)
    casts: np.ndarray  # bool (K): whether it casts shadows
    position: np.ndarray  # float64 (K, 3)
    direction: np.ndarray  # float64 (K, 3), unit
    ambient: np.ndarray  # float64 (K, 3)
    diffuse: np.ndarray  # float64 (K, 3)
    specular: np.ndarray  # float64 (K, 3)
    attenuation: np.ndarray  # float64 (K, 3): constant, linear, quadratic
    cutoff: np.ndarray  # float64 (K): cosine of the spot's half-angle
    exponent: np.ndarray  # float64 (K)
    extent: np.ndarray  # float64 (K): half-width of the shadow map; for a spot, at distance 1


def read_lights(model: mujoco.MjModel, scene: mujoco.MjvScene) -> Lights:
    """Copies the lights of an updated scene, the headlight among them."""
    lights = [scene.lights[i] for i in range(scene.nlight)]
    directional = np.array([light.type == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL for light in lights], np.bool_)
    cutoff = np.array([light.cutoff for light in lights], np.float64)
    # mjr_render: the shadow map of a spot covers shadowscale of its cone, that of a directional light a fixed square.
    half_angle = np.minimum(cutoff * model.vis.map.shadowscale, 80)
    return Lights(
        directional,
        np.array([light.castshadow for light in lights], np.bool_),
        _rows([light.pos for light in lights]),
        _rows([light.dir for light in lights]),
        _rows([light.ambient for light in lights]),
        _rows([light.diffuse for light in lights]),
        _rows([light.specular for light in lights]),
        _rows([light.attenuation for light in lights]),
        np.cos(np.radians(cutoff)),
        np.array([light.exponent for light in lights], np.float64),
        np.where(directional, model.vis.map.shadowclip * model.stat.extent, np.tan(np.radians(half_angle))),
    )


def _rows(vectors: list[np.ndarray]) -> np.ndarray:
    return np.array(vectors, np.float64).reshape(-1, 3)


@kernel
def towards(lights, k, x, y, z):
    """Unit vector from a point to light k and the strength of its light there; strength 0 outside a spot's cone."""
    if lights.directional[k]:
        return -lights.direction[k, 0], -lights.direction[k, 1], -lights.direction[k, 2], 1.0
    lx, ly, lz = lights.position[k, 0] - x, lights.position[k, 1] - y, lights.position[k, 2] - z
    distance = math.sqrt(lx * lx + ly * ly + lz * lz)
    lx, ly, lz = lx / distance, ly / distance, lz / distance
    cosine = -(lx * lights.direction[k, 0] + ly * lights.direction[k, 1] + lz * lights.direction[k, 2])
    if cosine < lights.cutoff[k]:
        return lx, ly, lz, 0.0
    fade = lights.attenuation[k, 0] + distance * (lights.attenuation[k, 1] + distance * lights.attenuation[k, 2])
    return lx, ly, lz, max(cosine, 0.0) ** lights.exponent[k] / fade


@kernel
def illuminate(lights, which, x, y, z, nx, ny, nz, vx, vy, vz, red, green, blue, finish):
    """The light that a point of a surface sends to the viewer, from the lights that `which` names.

    Args:
      lights: Lights.
      which: a single light, ALL, or SHADOWLESS: those that cast no shadow.
      x, y, z: the point; nx, ny, nz: unit normal there; vx, vy, vz: unit vector to the viewer.
      red, green, blue: colour of the surface.
      finish: emission, specular reflection and shininess of the surface; emission counts unless `which` is one light.
    """
    emission = finish[0] if which < 0 else 0.0
    r, g, b = emission * red, emission * green, emission * blue
    for k in range(len(lights.casts)):
        if k != which and which != ALL and (which != SHADOWLESS or lights.casts[k]):
            continue
        lx, ly, lz, strength = towards(lights, k, x, y, z)
        if strength == 0:
            continue
        facing = nx * lx + ny * ly + nz * lz
        shine = 0.0
        if facing > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            cosine = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz)
            power = 128 * finish[2]
            # cosine^power <= exp(power (cosine - 1)): below exp(-10) no grey level changes.
            if cosine > 0 and power * (cosine - 1) > -10:
                shine = strength * finish[1] * cosine**power
        else:
            facing = 0.0
        ambient, diffuse, specular = lights.ambient, lights.diffuse, lights.specular
        r += strength * red * (ambient[k, 0] + facing * diffuse[k, 0]) + shine * specular[k, 0]
        g += strength * green * (ambient[k, 1] + facing * diffuse[k, 1]) + shine * specular[k, 1]
        b += strength * blue * (ambient[k, 2] + facing * diffuse[k, 2]) + shine * specular[k, 2]
    return min(r, 1.0), min(g, 1.0), min(b, 1.0)

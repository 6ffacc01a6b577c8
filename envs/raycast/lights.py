"""Lighting of surfaces by the equation of fixed-function OpenGL, which MuJoCo's renderer uses.

OpenGL 2.1 specification, section 2.14.1: colour = emission + sum over lights of attenuation * spot *
(ambient + diffuse * max(N.L, 0) + specular * max(N.H, 0)^shininess), clipped at 1.
"""
# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have machine types, which numba infers.

import math

import mujoco
import numpy as np

from envs.raycast.compiler import kernel

# Values of `which` in `illuminate`, in addition to the index of a single light.
ALL, SHADOWLESS = -2, -1


LIGHT = np.dtype(
    [
        ("directional", np.int64),
        ("casts", np.int64),  # whether it casts shadows
        ("position", np.float64, 3),
        ("direction", np.float64, 3),  # unit
        ("ambient", np.float64, 3),
        ("diffuse", np.float64, 3),
        ("specular", np.float64, 3),
        ("attenuation", np.float64, 3),  # constant, linear, quadratic
        ("cutoff", np.float64),  # cosine of the spot's half-angle
        ("exponent", np.float64),
        ("extent", np.float64),  # half-width of the shadow map; of a spotlight, at distance 1
    ]
)


def read_lights(model: mujoco.MjModel, scene: mujoco.MjvScene) -> np.ndarray:
    """Copies the lights of an updated scene, including the headlight: LIGHT (K)."""
    lights = np.zeros(scene.nlight, LIGHT)
    for row, light in zip(lights, scene.lights[: scene.nlight], strict=True):
        directional = light.type == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
        # As in mjr_render: a spotlight's shadow map covers shadowscale of its cone; a directional light's is fixed.
        half_angle = min(light.cutoff * model.vis.map.shadowscale, 80)
        row["directional"], row["casts"] = directional, light.castshadow
        row["position"], row["direction"] = light.pos, light.dir
        row["ambient"], row["diffuse"], row["specular"] = light.ambient, light.diffuse, light.specular
        row["attenuation"], row["exponent"] = light.attenuation, light.exponent
        row["cutoff"] = math.cos(math.radians(light.cutoff))
        extent = model.vis.map.shadowclip * model.stat.extent
        row["extent"] = extent if directional else math.tan(math.radians(half_angle))
    return lights


@kernel
def towards(light, x, y, z):
    """Unit vector from a point to a light, and the light's strength there; 0 outside the cone of a spotlight."""
    if light.directional:
        return -light.direction[0], -light.direction[1], -light.direction[2], 1.0
    lx, ly, lz = light.position[0] - x, light.position[1] - y, light.position[2] - z
    distance = math.sqrt(lx * lx + ly * ly + lz * lz)
    lx, ly, lz = lx / distance, ly / distance, lz / distance
    cosine = -(lx * light.direction[0] + ly * light.direction[1] + lz * light.direction[2])
    if cosine < light.cutoff:
        return lx, ly, lz, 0.0
    fade = light.attenuation[0] + distance * (light.attenuation[1] + distance * light.attenuation[2])
    return lx, ly, lz, max(cosine, 0.0) ** light.exponent / fade


@kernel
def illuminate(lights, which, point, n, v, tint, shape):
    """The light that a point of a surface sends to the viewer, from the lights selected by `which`.

    Args:
      lights: LIGHT (K).
      which: index of a single light, ALL, or SHADOWLESS: the lights that cast no shadow.
      point: the point.
      n: unit normal at the point.
      v: unit vector from the point to the viewer.
      tint: factor on the colour of the surface.
      shape: the shape with its material; its emission is added unless `which` is a single light.
    """
    x, y, z = point
    nx, ny, nz = n
    vx, vy, vz = v
    red, green, blue = tint * shape.rgba[0], tint * shape.rgba[1], tint * shape.rgba[2]
    emission = shape.emission if which < 0 else 0.0
    r, g, b = emission * red, emission * green, emission * blue
    for k in range(len(lights)):
        light = lights[k]
        if k != which and which != ALL and (which != SHADOWLESS or light.casts):
            continue
        lx, ly, lz, strength = towards(light, x, y, z)
        if strength == 0:
            continue
        facing = nx * lx + ny * ly + nz * lz
        shine = 0.0
        if facing > 0:
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            cosine = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz)
            power = 128 * shape.shininess
            # cosine^power <= exp(power (cosine - 1)), and below exp(-10) it changes no grey level.
            if cosine > 0 and power * (cosine - 1) > -10:
                shine = strength * shape.specular * cosine**power
        else:
            facing = 0.0
        ambient, diffuse, specular = light.ambient, light.diffuse, light.specular
        r += strength * red * (ambient[0] + facing * diffuse[0]) + shine * specular[0]
        g += strength * green * (ambient[1] + facing * diffuse[1]) + shine * specular[1]
        b += strength * blue * (ambient[2] + facing * diffuse[2]) + shine * specular[2]
    return min(r, 1.0), min(g, 1.0), min(b, 1.0)

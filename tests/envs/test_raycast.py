"""The ray caster compared with MuJoCo's rays, and with results from geometry and optics."""

import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from envs.raycast import Raycaster
from envs.raycast.opengl import SCENES

SIZE = 64
LIT_BY_CAMERA = '<headlight ambient="0 0 0" diffuse="1 1 1" specular="0 0 0"/>'
FLAT = '<headlight ambient="1 1 1" diffuse="0 0 0" specular="0 0 0"/>'


def picture(body: str, head: str = FLAT, fovy: float = 45, asset: str = "", **kwargs: int) -> np.ndarray:
    """Draws a world whose only camera is at the origin and looks along y, z upwards."""
    model, data = compile_world(body, head, fovy, asset)
    return Raycaster(model, SIZE, SIZE, **kwargs).render(data).astype(float)


def compile_world(
    body: str, head: str = FLAT, fovy: float = 45, asset: str = ""
) -> tuple[mujoco.MjModel, mujoco.MjData]:
    xml = f"""<mujoco><visual>{head}<map znear="0.001" zfar="1000"/></visual><asset>
        <material name="dull" specular="0" rgba="1 1 1 1"/>{asset}</asset><worldbody>
        <camera pos="0 0 0" xyaxes="1 0 0 0 0 1" fovy="{fovy}"/>{body}</worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def rays(fovy: float = 45, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Slopes right and up of the rays through the pixels' centres."""
    slopes = (np.arange(size) + 0.5 - size / 2) / (size / 2) * np.tan(np.radians(fovy) / 2)
    return np.meshgrid(slopes, -slopes)


@pytest.fixture(scope="session")
def suite() -> object:
    os.environ.setdefault("MUJOCO_GL", "disable")
    from dm_control import suite

    return suite


def seen_by_mujoco(model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
    """The geom of each pixel, one `mj_ray` at a time."""
    x, y = rays(model.cam_fovy[camera])
    right, up, back = data.cam_xmat[camera].reshape(3, 3).T
    directions = x[..., None] * right + y[..., None] * up - back
    seen, geom = np.empty((SIZE, SIZE), int), np.zeros(1, np.int32)
    groups = np.array([1, 1, 1, 0, 0, 0], np.uint8)
    for pixel in np.ndindex(SIZE, SIZE):
        mujoco.mj_ray(model, data, data.cam_xpos[camera], directions[pixel], groups, 1, -1, geom)
        seen[pixel] = geom[0]
    return seen


@pytest.mark.parametrize(("domain", "task", "camera"), SCENES, ids=lambda value: str(value))
def test_pixels_see_the_geoms_that_mj_ray_sees(suite: object, domain: str, task: str, camera: int) -> None:
    environment = suite.load(domain, task, task_kwargs={"random": 7})  # type: ignore[attr-defined]
    model, data = environment.physics.model.ptr, environment.physics.data.ptr
    raycaster, random, spec = Raycaster(model), np.random.default_rng(7), environment.action_spec()
    same = []
    for _ in range(10):
        environment.reset()
        for _ in range(10):
            environment.step(random.uniform(spec.minimum, spec.maximum))
        expected = seen_by_mujoco(model, data, camera)
        assert len(np.unique(expected)) > 1
        same.append(raycaster.geoms(data, camera) == expected)
    assert np.mean(same) >= 0.998


@pytest.mark.parametrize(
    "shape",
    [
        'type="sphere" size=".4"',
        'type="capsule" size=".2 .4"',
        'type="ellipsoid" size=".2 .5 .3"',
        'type="cylinder" size=".3 .4"',
        'type="box" size=".2 .5 .3"',
        'type="plane" size=".4 .6 .1"',
    ],
)
def test_each_shape_is_where_mj_ray_meets_it(shape: str) -> None:
    random = np.random.default_rng(3)
    bodies = []
    for _ in range(30):  # some behind the camera, some around it
        x, y, z, *angles = *random.uniform(-2, 2, 3), *random.uniform(-180, 180, 3)
        bodies.append(f'<geom {shape} pos="{x} {y + 1} {z}" euler="{angles[0]} {angles[1]} {angles[2]}"/>')
    model, data = compile_world("".join(bodies), fovy=90)
    assert (Raycaster(model).geoms(data) == seen_by_mujoco(model, data, 0)).mean() > 0.999


def test_meshes_and_height_fields_are_where_mj_ray_meets_them() -> None:
    random = np.random.default_rng(5)
    vertices = " ".join(map(str, random.normal(size=(20, 3)).ravel()))
    xml = f"""<mujoco><asset><mesh name="mesh" vertex="{vertices}"/>
        <hfield name="field" nrow="12" ncol="20" size="3 4 1 .1"/></asset><worldbody>
        <geom type="mesh" mesh="mesh" pos="0 0 1.5"/><geom type="hfield" hfield="field" pos="0 0 -1"/>
        <camera pos="0 -7 4" xyaxes="1 0 0 0 .5 1"/></worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    data, caster = mujoco.MjData(model), Raycaster(model)
    for _ in range(2):  # a new episode may have a new terrain
        model.hfield_data[:] = random.random(240)
        mujoco.mj_forward(model, data)
        expected = seen_by_mujoco(model, data, 0)
        assert set(np.unique(expected)) == {-1, 0, 1}
        assert (caster.geoms(data) == expected).mean() > 0.998


def test_a_sphere_covers_the_pixels_within_its_angle() -> None:
    radius, distance = 0.5, 2.0
    model, data = compile_world(f'<geom type="sphere" size="{radius}" pos="0 {distance} 0"/>')
    x, y = rays()
    inside = np.hypot(x, y) < np.tan(np.arcsin(radius / distance))
    np.testing.assert_array_equal(Raycaster(model).geoms(data) == 0, inside)


def test_the_horizon_of_an_infinite_plane_is_at_eye_level() -> None:
    drawn = picture('<geom type="plane" size="0 0 1" pos="0 0 -1" material="dull"/>')
    assert (drawn[: SIZE // 2] == 0).all()
    assert (drawn[SIZE // 2 + 1 :] == 255).all()


def test_light_falls_off_as_the_cosine() -> None:
    drawn = picture('<geom type="sphere" size="1" pos="0 50 0" material="dull"/>', LIT_BY_CAMERA, fovy=2)
    x, y = rays(2)
    offset = np.hypot(x, y) * 49  # from the axis, where the sphere is met: nearly parallel rays
    cosine = np.sqrt(np.clip(1 - offset**2, 0, None))
    inside = offset < 0.8
    np.testing.assert_allclose(drawn[inside][:, 0], 255 * cosine[inside], atol=4)


def test_a_spot_light_fades_with_its_cone_and_ends() -> None:
    light = (
        '<light pos="0 1 0" dir="0 1 0" cutoff="20" exponent="5" diffuse="1 1 1" specular="0 0 0" castshadow="false"/>'
    )
    wall = '<geom type="box" size="9 .5 9" pos="0 3.5 0" material="dull"/>'
    drawn = picture(light + wall, '<headlight active="0"/>')[..., 0]
    x, y = rays()
    cosine = 2 / np.sqrt(4 + (3 * x) ** 2 + (3 * y) ** 2)  # of the angle at the light, and of that at the wall
    inside = cosine > np.cos(np.radians(19))
    np.testing.assert_allclose(drawn[inside], 255 * cosine[inside] ** 6, atol=2)
    assert (drawn[cosine < np.cos(np.radians(21))] == 0).all()


def test_a_shadow_falls_where_geometry_says() -> None:
    light = '<light type="directional" pos="0 3 5" dir="0 0 -1" diffuse="1 1 1" ambient="0 0 0" specular="0 0 0"/>'
    scene = (
        '<geom type="sphere" size=".3" pos="0 3 2.5" material="dull"/>'
        '<geom type="plane" size="9 9 .1" pos="0 0 -1" material="dull"/>'
    )
    drawn = picture(light + scene, '<headlight active="0"/>')
    x, y = rays()
    with np.errstate(divide="ignore"):
        depth = np.where(y < 0, -1 / y, np.inf)
    away = np.hypot(np.where(np.isfinite(depth), x * depth, np.inf), depth - 3)
    assert (drawn[away < 0.2] == 0).all()
    assert (drawn[(away > 0.4) & (away < 1.5)] == 255).all()


def test_transparent_geoms_blend_in_order_of_depth() -> None:
    def sphere(y: float, colour: str) -> str:
        return f'<geom type="sphere" size=".5" pos="0 {y} 0" rgba="{colour}"/>'

    alpha, behind = 0.5, np.array([1.0, 0, 0])
    drawn = picture(sphere(6, "0 1 0 .5") + sphere(3, "0 0 1 .5") + sphere(9, "1 0 0 1"))[SIZE // 2, SIZE // 2] / 255
    expected = behind
    # MuJoCo's renderer draws them twice, nearest first and then nearest last.
    for colour in ([0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 1]):
        expected = alpha * np.array(colour) + (1 - alpha) * expected
    np.testing.assert_allclose(drawn, expected, atol=0.01)


def test_invisible_geoms_and_hidden_groups_are_not_drawn() -> None:
    drawn = picture(
        '<geom type="sphere" size=".5" pos="0 2 0" rgba="1 1 1 0"/>'
        '<geom type="sphere" size=".5" pos="0 2 0" rgba="1 1 1 1" group="3"/>'
    )
    assert (drawn == 0).all()


def test_a_mirror_adds_its_reflectance_of_the_objects_on_it() -> None:
    asset = '<material name="mirror" rgba="0 0 0 1" specular="0" reflectance=".5"/>'
    floor = '<geom type="plane" size="9 9 .1" pos="0 0 -1" material="mirror"/>'
    drawn = picture(floor + '<geom type="sphere" size=".3" pos="0 4 0" material="dull"/>', fovy=90, asset=asset)
    row = SIZE // 2 + SIZE // 4  # the sphere's image is 2 lower, at a slope of a half
    np.testing.assert_allclose(drawn[row, SIZE // 2], 127.5, atol=1)
    assert (drawn[row, 4] == 0).all()


def test_a_plane_shows_its_texture_in_metres() -> None:
    asset = (
        '<texture name="t" type="2d" builtin="checker" rgb1="0 0 0" rgb2="1 1 1" width="64" height="64"/>'
        '<material name="tiles" texture="t" texrepeat="1 1" texuniform="true" specular="0"/>'
    )
    drawn = picture('<geom type="plane" size="4 4 .1" pos="0 4 0" xyaxes="1 0 0 0 0 1" material="tiles"/>', asset=asset)
    x, y = (4 * slope for slope in rays())
    dark = (np.floor(x) + np.floor(y)) % 2 == 0
    clear = (np.abs(x - np.round(x)) > 0.15) & (np.abs(y - np.round(y)) > 0.15)
    expected = np.where(dark, 0.0, 255.0)[clear]
    seen = drawn[clear][:, 0]
    assert np.abs(seen - expected).max() < 2 or np.abs(seen - (255 - expected)).max() < 2


def test_a_mesh_is_lit_by_its_normals() -> None:
    cube = " ".join(f"{x} {y} {z}" for x in (-1, 1) for y in (-1, 1) for z in (-1, 1))
    shape = '<geom type="mesh" mesh="cube" pos="0 4 0" euler="0 0 30" material="dull"/>'
    drawn = picture(shape, LIT_BY_CAMERA, asset=f'<mesh name="cube" vertex="{cube}"/>')[SIZE // 2, :, 0]
    bright, dark = 255 * np.cos(np.radians(30)), 255 * np.cos(np.radians(60))
    for level in (bright, dark):  # the two sides that the camera sees
        assert (np.abs(drawn - level) < 1.5).sum() >= 5
    assert ((np.abs(drawn - bright) < 1.5) | (np.abs(drawn - dark) < 1.5) | (drawn == 0)).mean() > 0.9


def test_a_skybox_fills_the_background() -> None:
    asset = '<texture type="skybox" builtin="flat" rgb1=".2 .4 .6" width="8" height="48"/>'
    np.testing.assert_allclose(picture("", asset=asset), np.broadcast_to([51, 102, 153], (SIZE, SIZE, 3)), atol=1)


def test_tasks_show_their_sites_and_tendons(suite: object) -> None:
    for domain, task, names in (("finger", "turn_hard", ("site_rgba", "target")), ("ball_in_cup", "catch", None)):
        environment = suite.load(domain, task, task_kwargs={"random": 0})  # type: ignore[attr-defined]
        environment.reset()
        physics = environment.physics
        raycaster = Raycaster(physics.model.ptr)
        shown = raycaster.render(physics.data.ptr)
        if names:
            physics.named.model.site_rgba["target"] = [0, 0, 0, 0]
            physics.model.mat_rgba[physics.named.model.site_matid["target"], 3] = 0
        else:
            physics.model.tendon_rgba[:] = 0
            physics.model.tendon_group[:] = 3
        assert (shown != raycaster.render(physics.data.ptr)).any(axis=2).sum() >= 4


def test_same_state_same_picture_and_another_state_another(suite: object) -> None:
    environment = suite.load("walker", "walk", task_kwargs={"random": 0})  # type: ignore[attr-defined]
    environment.reset()
    model, data = environment.physics.model.ptr, environment.physics.data.ptr
    raycaster = Raycaster(model)
    first = raycaster.render(data)
    np.testing.assert_array_equal(first, Raycaster(model).render(data))
    np.testing.assert_array_equal(first, raycaster.render(data))
    environment.step(np.ones(environment.action_spec().shape))
    assert (first != raycaster.render(data)).any()


def test_size_and_supersampling() -> None:
    model, data = compile_world('<geom type="sphere" size=".5" pos="0 2 0" material="dull"/>')
    assert Raycaster(model, 32, 48).render(data).shape == (32, 48, 3)
    fine = Raycaster(model, SIZE * 2, SIZE * 2).render(data).astype(float)
    averaged = fine.reshape(SIZE, 2, SIZE, 2, 3).mean((1, 3))
    np.testing.assert_allclose(Raycaster(model, SIZE, SIZE, 2).render(data), averaged, atol=1)


def test_a_camera_that_is_not_there_is_named() -> None:
    model, data = compile_world("")
    with pytest.raises(ValueError, match=r"no camera 3: .* 1 camera"):
        Raycaster(model).render(data, 3)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, -45), (200, 30), (-60, -80)])
def test_a_free_camera_stands_where_mujoco_puts_it(azimuth: float, elevation: float) -> None:
    model, data = compile_world('<geom type="sphere" size=".3" pos="1 2 3"/><geom type="sphere" size=".3"/>')
    camera, scene = mujoco.MjvCamera(), mujoco.MjvScene(model, 100)
    camera.lookat, camera.distance, camera.azimuth, camera.elevation = (1, 2, 3), 2.5, azimuth, elevation
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, mujoco.mjtCatBit.mjCAT_ALL, scene)
    eyes = scene.camera
    view = Raycaster(model)._camera(data, camera, SIZE)[0]
    np.testing.assert_allclose(view["position"], (eyes[0].pos + eyes[1].pos) / 2, atol=1e-6)
    np.testing.assert_allclose(view["rotation"][:, 2], -eyes[0].forward, atol=1e-6)
    np.testing.assert_allclose(view["rotation"][:, 1], eyes[0].up, atol=1e-6)
    np.testing.assert_allclose(view["pixel"] * SIZE, 2 * eyes[0].frustum_top / eyes[0].frustum_near, rtol=1e-5)
    seen = Raycaster(model).geoms(data, camera)
    assert (seen[SIZE // 2 - 1 : SIZE // 2 + 1, SIZE // 2 - 1 : SIZE // 2 + 1] == 0).all()


def test_no_opengl_is_loaded() -> None:
    code = """
import sys, mujoco
def loaded():
    maps = open("/proc/self/maps").read()
    libraries = {name for name in ("libGL", "libEGL", "libOSMesa", "libglfw") if name in maps}
    return libraries | {name for name in sys.modules if name.split(".")[0] in ("OpenGL", "glfw")}
before = loaded()  # MuJoCo itself imports glfw, if it is there
from envs.raycast import Raycaster
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><camera/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
Raycaster(model, 8, 8).render(data)
print(sorted(loaded() - before), "libGL" in loaded())
"""
    environment = {key: value for key, value in os.environ.items() if key != "MUJOCO_GL"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] False\n", "")

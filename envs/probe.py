"""Script: draw with the OpenGL backend named by MUJOCO_GL, and print the name of the device that drew.

It runs in a separate process, because a broken driver can kill the process, and MuJoCo loads only one backend in each.
After a failure, the last line of stderr is the reason.
"""

import os
import sys

LIBRARIES = {"egl": "libEGL", "osmesa": "libOSMesa", "glfw": "libGL"}


def device(backend: str) -> str:
    """OpenGL's name of the device that draws."""
    if backend == "glfw" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        sys.exit("there is no display")
    try:
        import mujoco
        from OpenGL import GL  # type: ignore[import-untyped]

        context = mujoco.GLContext(64, 64)
        context.make_current()
        mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100)
        return GL.glGetString(GL.GL_RENDERER).decode()
    except AttributeError:  # PyOpenGL has None instead of a library that it could not load
        sys.exit(f"{LIBRARIES[backend]} cannot be loaded")


if __name__ == "__main__":
    print(device(os.environ["MUJOCO_GL"]))

"""Run as a script: draw with the OpenGL backend named by MUJOCO_GL, and print the name of what drew.

A process of its own, since a broken driver can end the process, and since MuJoCo loads one backend only. What failed is
the last line of stderr.
"""

import os
import sys

LIBRARIES = {"egl": "libEGL", "osmesa": "libOSMesa", "glfw": "libGL"}


def device(backend: str) -> str:
    """OpenGL's own name of what draws."""
    if backend == "glfw" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        sys.exit("there is no display")
    try:
        import mujoco
        from OpenGL import GL  # type: ignore[import-untyped]

        context = mujoco.GLContext(64, 64)
        context.make_current()
        mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100)
        return GL.glGetString(GL.GL_RENDERER).decode()
    except AttributeError:  # PyOpenGL has None in place of a library that it could not load
        sys.exit(f"{LIBRARIES[backend]} cannot be loaded")


if __name__ == "__main__":
    print(device(os.environ["MUJOCO_GL"]))

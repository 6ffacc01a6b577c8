"""Run as a script: draw with the OpenGL backend named by MUJOCO_GL, and print the name of what drew.

A process of its own, since a broken driver can end the process, and since MuJoCo loads one backend only.
"""

import mujoco
from OpenGL import GL  # type: ignore[import-untyped]

if __name__ == "__main__":
    context = mujoco.GLContext(64, 64)
    context.make_current()
    model = mujoco.MjModel.from_xml_string("<mujoco/>")
    mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    print(GL.glGetString(GL.GL_RENDERER).decode())

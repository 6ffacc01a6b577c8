"""The choice of the library that draws dm_control's pixels, made before dm_control is imported and reads MUJOCO_GL."""

import functools
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OPENGL = ("egl", "osmesa", "glfw")
# Mesa's software rasterisers, as GL_RENDERER names them: EGL on these uses no GPU.
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")
_TIMEOUT = 60.0  # seconds; the first start of a GPU driver can take several

_log = logging.getLogger(__name__)


class RendererError(ValueError):
    """A renderer was requested by name and cannot be used."""


@dataclass(frozen=True)
class Probe:
    """The result of trying an OpenGL backend: the device that drew, or the reason of the failure."""

    device: str = ""
    failure: str = ""

    @property
    def gpu(self) -> bool:
        """Whether a GPU drew, not a software rasteriser."""
        return bool(self.device) and not any(name in self.device.lower() for name in _SOFTWARE)


def choose_renderer(setting: str) -> str:
    """Resolve the setting `renderer`, and set MUJOCO_GL accordingly.

    Call it before dm_control is imported. `auto` selects EGL if it runs on a GPU, else the ray caster. With the ray
    caster no OpenGL library is loaded. The settings override an existing value of MUJOCO_GL.

    Args:
        setting: auto, egl, osmesa, glfw or raycast.

    Returns:
        egl, osmesa, glfw or raycast.

    Raises:
        RendererError: The named backend does not work here, or dm_control has been imported with another one.
    """
    if setting == "auto":
        found = probe("egl")
        chosen = "egl" if found.gpu else "raycast"
        _log.info("renderer: %s (EGL: %s)", chosen, found.device or found.failure)
    else:
        chosen = setting
    if chosen in OPENGL:
        failure = _imported_with_other(chosen) or probe(chosen).failure
        if failure:
            working = [name for name in OPENGL if name != chosen and not probe(name).failure]
            raise RendererError(
                f"renderer {chosen} cannot be used here: {failure}; available: {', '.join(['raycast', *working])}"
            )
    os.environ["MUJOCO_GL"] = chosen if chosen in OPENGL else "disable"
    return chosen


def spare_opengl() -> None:
    """Prevent dm_control from searching for OpenGL when nothing is drawn.

    Call it before dm_control is imported. A working backend named by MUJOCO_GL is kept, since this process may draw
    with it later.
    """
    backend = os.environ.get("MUJOCO_GL")
    if backend not in OPENGL or probe(backend).failure:
        os.environ["MUJOCO_GL"] = "disable"


@functools.cache
def probe(backend: str) -> Probe:
    """Try an OpenGL backend in a separate process, once for each process that calls this."""
    device = os.environ.get("MUJOCO_EGL_DEVICE_ID")
    if backend == "egl" and device is not None and not device.isdecimal():
        # dm_control needs one index; a copy of CUDA_VISIBLE_DEVICES may be a list or contain UUIDs.
        return Probe(failure=f"MUJOCO_EGL_DEVICE_ID must be one integer, not {device!r}")
    try:
        tried = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).with_name("probe.py"))],
            env=os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": "" if backend == "glfw" else backend},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return Probe(failure=f"it did not draw within {_TIMEOUT:.0f} s")
    if tried.returncode == 0:
        return Probe(device=tried.stdout.strip())
    lines = tried.stderr.strip().splitlines() or [f"its process ended with {tried.returncode}"]
    return Probe(failure=lines[-1])


def _imported_with_other(chosen: str) -> str:
    """Why an already imported dm_control cannot draw with the chosen backend; empty if it can."""
    module = sys.modules.get("dm_control._render")
    if module is None or chosen == module.BACKEND:
        return ""
    return f"this process has already loaded dm_control with {module.BACKEND or 'no'} rendering"

"""Which library draws dm_control's pixels; decided before dm_control is imported, which reads MUJOCO_GL."""

import functools
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OPENGL = ("egl", "osmesa", "glfw")
# Mesa's software rasterisers, as GL_RENDERER names them: an EGL that runs on these is no GPU.
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")
_TIMEOUT = 60.0  # seconds; a first start of a GPU's driver can take several

_log = logging.getLogger(__name__)


class RendererError(ValueError):
    """A renderer was asked for by name and cannot be used."""


@dataclass(frozen=True)
class Probe:
    """What came of trying an OpenGL backend: the device that drew, or why none did."""

    device: str = ""
    failure: str = ""

    @property
    def gpu(self) -> bool:
        """Whether a GPU drew, rather than a software rasteriser."""
        return bool(self.device) and not any(name in self.device.lower() for name in _SOFTWARE)


def choose_renderer(setting: str) -> str:
    """Resolve the setting `renderer`, and set MUJOCO_GL to it.

    Call it before dm_control is imported. `auto` takes EGL if a GPU backs it, else the ray caster. With the ray
    caster no OpenGL library is loaded. A MUJOCO_GL from outside is overridden: the settings decide.

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
    """Keep dm_control from looking for OpenGL where nothing is drawn.

    Call it before dm_control is imported. A backend that MUJOCO_GL names and that works stays, for whoever draws later.
    """
    backend = os.environ.get("MUJOCO_GL")
    if backend not in OPENGL or probe(backend).failure:
        os.environ["MUJOCO_GL"] = "disable"


@functools.cache
def probe(backend: str) -> Probe:
    """Try an OpenGL backend in a process of its own; asked once a process."""
    device = os.environ.get("MUJOCO_EGL_DEVICE_ID")
    if backend == "egl" and device is not None and not device.isdecimal():
        # dm_control wants an index; a copy of CUDA_VISIBLE_DEVICES may be a list or hold UUIDs.
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
    """Why dm_control, if already imported, cannot draw with the chosen backend any more."""
    module = sys.modules.get("dm_control._render")
    if module is None or chosen == module.BACKEND:
        return ""
    return f"this process has already loaded dm_control with {module.BACKEND or 'no'} rendering"

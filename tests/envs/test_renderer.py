import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs import renderer
from envs.renderer import OPENGL, Probe, RendererError, choose_renderer, probe, spare_opengl


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has neither probed nor imported dm_control."""
    probe.cache_clear()
    monkeypatch.delitem(sys.modules, "dm_control._render", raising=False)
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.delenv("MUJOCO_EGL_DEVICE_ID", raising=False)
    yield
    probe.cache_clear()


def answer(monkeypatch: pytest.MonkeyPatch, **probes: Probe) -> None:
    monkeypatch.setattr(renderer, "probe", lambda backend: probes.get(backend, Probe(failure="no such library")))


def test_raycast_switches_opengl_off() -> None:
    assert choose_renderer("raycast") == "raycast"
    assert os.environ["MUJOCO_GL"] == "disable"


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (Probe(device="NVIDIA H100 80GB HBM3/PCIe/SSE2"), "egl"),
        (Probe(device="llvmpipe (LLVM 15.0.6, 256 bits)"), "raycast"),
        (Probe(device="softpipe"), "raycast"),
        (Probe(failure="libEGL.so.1: cannot open shared object file"), "raycast"),
    ],
)
def test_auto_takes_a_gpu_or_the_ray_caster(monkeypatch: pytest.MonkeyPatch, found: Probe, chosen: str) -> None:
    answer(monkeypatch, egl=found)
    assert choose_renderer("auto") == chosen
    assert os.environ["MUJOCO_GL"] == ("egl" if chosen == "egl" else "disable")


def test_named_backend_is_used_even_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, osmesa=Probe(device="llvmpipe"))
    assert choose_renderer("osmesa") == "osmesa"
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_error_of_a_failed_backend_has_the_reason_and_the_working_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, egl=Probe(failure="no device"), osmesa=Probe(device="llvmpipe"))
    with pytest.raises(
        RendererError, match=r"renderer egl cannot be used here: no device; available: raycast, osmesa$"
    ):
        choose_renderer("egl")
    assert os.environ["MUJOCO_GL"] == "glfw", "a refused choice changes nothing"


def test_backend_cannot_change_after_dm_control_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, egl=Probe(device="llvmpipe"))
    loaded = types.ModuleType("dm_control._render")
    monkeypatch.setattr(loaded, "BACKEND", "off", raising=False)
    monkeypatch.setitem(sys.modules, "dm_control._render", loaded)
    with pytest.raises(RendererError, match="already loaded dm_control with off rendering"):
        choose_renderer("egl")
    assert choose_renderer("raycast") == "raycast"


@pytest.mark.parametrize(("named", "kept"), [("egl", "egl"), ("osmesa", "disable"), ("", "disable"), (None, "disable")])
def test_opengl_is_spared_unless_it_was_chosen_and_works(
    monkeypatch: pytest.MonkeyPatch, named: str | None, kept: str
) -> None:
    answer(monkeypatch, egl=Probe(device="llvmpipe"))
    monkeypatch.delenv("MUJOCO_GL") if named is None else monkeypatch.setenv("MUJOCO_GL", named)
    spare_opengl()
    assert os.environ["MUJOCO_GL"] == kept


@pytest.mark.parametrize("backend", OPENGL)
def test_probe_of_this_machine_gives_a_device_or_a_reason(backend: str) -> None:
    found = probe(backend)
    assert bool(found.device) != bool(found.failure)
    assert probe(backend) is found, "asked once"


def test_probe_of_an_absent_device_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "99")
    assert probe("egl").failure


@pytest.mark.parametrize("device", ["0,1", "GPU-4b0b1d5a-0000", ""])
def test_probe_refuses_a_device_that_is_no_index(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", device)
    assert "MUJOCO_EGL_DEVICE_ID must be one integer" in probe("egl").failure


@pytest.mark.parametrize(("backend", "library"), [("egl", "libEGL"), ("osmesa", "libOSMesa")])
def test_probe_names_a_library_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str, library: str
) -> None:
    for name in ("libEGL.so", "libEGL.so.1", "libOSMesa.so", "libOSMesa.so.6", "libOSMesa.so.8"):
        (tmp_path / name).touch()  # found before the machine's own, if it has any
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert probe(backend) == Probe(failure=f"{library} cannot be loaded")


def test_probe_reports_that_a_window_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert probe("glfw") == Probe(failure="there is no display")


def test_probe_survives_a_driver_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert probe("egl") == Probe(failure="its process ended with 1")

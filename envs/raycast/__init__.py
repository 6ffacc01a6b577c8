"""A CPU ray caster over MuJoCo's compiled model: pixels without OpenGL."""

from envs.raycast.raycaster import Raycaster

__all__ = ["Raycaster"]

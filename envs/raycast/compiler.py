"""How the kernels of the ray caster are compiled: once, kept on disk, and anew when any of their sources changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

# No flag here may change which surface a ray meets: NaN and infinity keep their meaning, sums keep their order.
# Without reference counts (_nrt) kernels cannot allocate, and do not count at each of millions of accesses to an array.
_FLAGS = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "_nrt": False}


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function that other kernels call."""
    return njit(**_FLAGS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compiles a function into each kernel that calls it: for those called for each pixel with all of the world."""
    return njit(forceinline=True, **_FLAGS)(function)


def entry(make: Callable[[str], Callable[..., Any]]) -> Any:
    """Compiles the kernel that `make` returns, which Python calls; the machine code is kept in numba's cache.

    Numba's cache sees when the file of a function changes, but not when the file of a function it calls does. It does
    look at the values a function closes over: so `make` receives a digest of all sources for its kernel to close over.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return njit(cache=True, **_FLAGS)(make(digest))

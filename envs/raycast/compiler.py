"""Compilation of the ray caster's kernels: cached on disk, and repeated when any of their sources changes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

# No flag here may change which surface a ray hits: NaN and infinity keep their meaning, sums keep their order.
# Without reference counts (_nrt) kernels cannot allocate, and save a count at each of millions of array accesses.
_FLAGS = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "_nrt": False}


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function that other kernels call."""
    return njit(**_FLAGS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compiles a function into each kernel that calls it; for functions that take the whole World for each pixel."""
    return njit(forceinline=True, **_FLAGS)(function)


def entry(make: Callable[[str], Callable[..., Any]]) -> Any:
    """Compiles the kernel that `make` returns, which Python calls; numba caches the machine code on disk.

    Numba's cache detects changes in a function's file, but not in the files of functions that it calls. It also depends
    on the values in a function's closure, so `make` receives a digest of all sources and its kernel closes over it.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return njit(cache=True, **_FLAGS)(make(digest))

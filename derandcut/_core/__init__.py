"""The compiled foundation: number types, random numbers, special functions, cpuid.

A kernel ``_name.pyx`` is built twice on x86-64: for the baseline and, as
``_name_avx2.pyx`` (one include line), for AVX2. `load_kernel` picks one when the
module beside the kernel is imported.
"""

import importlib
import os
from types import ModuleType

from derandcut._core import _cpu

__all__ = ["isa", "load_kernel"]


def isa() -> str:
    """Return the instruction set in use: ``"avx2"`` or ``"base"``.

    ``DERANDCUT_ISA=base`` in the environment forces the baseline build; both builds
    return the same bits.
    """
    if os.environ.get("DERANDCUT_ISA", "") == "base" or not _cpu.supports_avx2():
        return "base"
    return "avx2"


def load_kernel(name: str) -> ModuleType:
    """Import the kernel module `name`, in the build that fits this machine."""
    suffix = "_avx2" if isa() == "avx2" else ""
    return importlib.import_module(name + suffix)

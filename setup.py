"""Builds the Cython kernels; everything else about the package is in pyproject.toml.

Every ``derandcut/**/*.pyx`` is one extension. A file named ``*_avx2.pyx`` includes
its base kernel and is compiled with AVX2 enabled; ``derandcut._core`` picks one of
the two when the package is imported. Both are compiled without contraction and
without fast-math, so they return the same bits.

Environment
-----------
DERANDCUT_DEBUG=1
    Bounds checks in the kernels and the undefined-behaviour sanitizer.
DERANDCUT_OPENMP=0
    Build without OpenMP (also the fallback if a test program does not compile).
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
DEBUG = os.environ.get("DERANDCUT_DEBUG") == "1"
X86 = platform.machine().lower() in {"x86_64", "amd64"}

COMPILE = ["-O3", "-fno-math-errno", "-ffp-contract=off", "-fno-trapping-math"]
LINK = []
if DEBUG:
    SANITIZE = ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    COMPILE = ["-O1", "-g", "-ffp-contract=off", *SANITIZE]
    LINK = SANITIZE


def openmp_flags() -> list[str]:
    """``["-fopenmp"]`` if a program using it compiles and links here, else ``[]``."""
    if os.environ.get("DERANDCUT_OPENMP") == "0":
        return []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(
            "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        )
        command = [os.environ.get("CC", "cc"), "-fopenmp", str(source)]
        command += ["-o", str(Path(folder, "probe"))]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            print("derandcut: building without OpenMP", file=sys.stderr)
            return []
    return ["-fopenmp"]


def extensions() -> list[Extension]:
    openmp = openmp_flags()
    found = []
    for path in sorted(ROOT.glob("derandcut/**/*.pyx")):
        source = path.relative_to(ROOT)
        avx2 = source.stem.endswith("_avx2")
        if avx2 and not X86:
            continue
        found.append(
            Extension(
                ".".join(source.with_suffix("").parts),
                [source.as_posix()],
                extra_compile_args=COMPILE + openmp + (["-mavx2"] if avx2 else []),
                extra_link_args=LINK + openmp,
            )
        )
    return found


setup(
    options={"build_ext": {"parallel": os.cpu_count()}},
    ext_modules=cythonize(
        extensions(),
        nthreads=os.cpu_count() or 1,
        language_level=3,
        include_path=[str(ROOT)],
        compiler_directives={
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "freethreading_compatible": True,
        },
    ),
)

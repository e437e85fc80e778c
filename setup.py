"""Build the engine: one extension per room.

KVD_BUILD chooses how (default `release`):
    release   -O3, what is installed
    debug     -O0 with checks, .pyx line numbers in assertions
    asan      address and undefined-behaviour sanitizers, plain malloc under every allocation
    fuzz      the same with coverage for libFuzzer; needs CC=clang (see docs/hacking.md)
KVD_CYTHON_CACHE names a directory that keeps translations, for those with several trees.
KVD_FACES=1 builds the test faces and the load generator beside the engine. KVD_JOBS is how many
compilers run at a time (default: one a processor).
"""
import os
import pathlib

from Cython.Build import cythonize
from setuptools import Extension, setup

BUILD = os.environ.get("KVD_BUILD", "release")
MODES = {
    "release": ["-O3", "-g1"],
    "debug": ["-O0", "-g", "-DKVD_DEBUG=1"],
    # CPython passes -fwrapv, which would silence UBSan's signed-overflow check: take it back.
    "asan": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined",
             "-fno-sanitize-recover=undefined", "-fno-wrapv", "-DKVD_PLAIN_MALLOC=1",
             "-DKVD_DEBUG=1"],
}
MODES["fuzz"] = [*MODES["asan"], "-fsanitize=fuzzer-no-link"]
if BUILD not in MODES:
    raise SystemExit(f"KVD_BUILD is one of {', '.join(MODES)}, not {BUILD!r}")

CFLAGS = MODES[BUILD] + [
    "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function",
    "-Wno-cast-function-type", "-Wno-missing-field-initializers",
    # The house macros and cdef functions are the only symbols that must be visible: none.
    "-fvisibility=hidden",
]
# A fuzzed engine finds the sanitizers' and the fuzzer's runtime preloaded.
LDFLAGS = ["-fsanitize=address,undefined"] if BUILD == "asan" else []
DIRECTIVES = dict(
    language_level=3, boundscheck=BUILD != "release", wraparound=False, cdivision=True,
    initializedcheck=False, embedsignature=True, binding=True,
)

# A room sits in `engine/` and installs as `kvd.engine`; the symlink kvd/engine is for cimports.
rooms = [(("kvd", *path.with_suffix("").parts), path)
         for path in sorted(pathlib.Path("engine").rglob("*.pyx"))]
if os.environ.get("KVD_FACES"):
    rooms += [(path.with_suffix("").parts, path)
              for root in ("tests/faces", "bench")
              for path in sorted(pathlib.Path(root).rglob("*.pyx"))]

JOBS = int(os.environ.get("KVD_JOBS") or os.cpu_count() or 1)

setup(options={"build_ext": {"parallel": JOBS}}, ext_modules=cythonize(
    [Extension(".".join(name), [str(path)], extra_compile_args=CFLAGS, extra_link_args=LDFLAGS,
               libraries=["m", "pthread"])
     for name, path in rooms],
    compiler_directives=DIRECTIVES, emit_linenums=BUILD == "debug",
    build_dir=f"build/{BUILD}", nthreads=JOBS,
    cache=os.environ.get("KVD_CYTHON_CACHE"),
))

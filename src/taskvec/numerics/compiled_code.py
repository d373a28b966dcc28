"""Compiled code on disk, loaded without what compiling takes.

Before numba takes compiled code from its cache it makes ready to compile: it imports all that it can compile of Python
and numpy, and scipy's linear algebra where that is installed. That takes as long as the rest of a short command, and
code that is there already needs none of it. What this rests on is not public: a numba that has it otherwise makes
importing this module an ``ImportError``.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path

from blake3 import blake3
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

for _name in ("load_overload", "save_overload", "_load_overload", "_index_key"):
    if not hasattr(FunctionCache, _name):
        raise ImportError(f"this numba's cache has no {_name}")


class CompiledCode(FunctionCache):
    """numba's cache of one kernel, which makes ready nothing but the memory of arrays before it loads.

    What it keeps is of one state of all kernels' sources: numba itself looks at the kernel's own file, and would go on
    with what another has of a function that has changed.
    """

    def load_overload(self, sig, target_context):  # type: ignore[no-untyped-def]
        """Return the compiled code of a signature; None where there is none, and numba makes ready and compiles."""
        rtsys.initialize(target_context)
        found = self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        is_wanted = found is not None and found.signature.args == sig  # two that compile at once may swap their files
        return found if is_wanted else None

    def save_overload(self, sig, data):  # type: ignore[no-untyped-def]
        """Keep compiled code; where that fails, as on a full disk, the next process compiles again."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]

    def _index_key(self, sig, codegen):  # type: ignore[no-untyped-def]
        return super()._index_key(sig, codegen), _sources()  # type: ignore[no-untyped-call]


@functools.cache
def _sources() -> str:
    """Return a hash of the sources of all kernels."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return blake3(b"\0".join(file.read_bytes() for file in files)).hexdigest()

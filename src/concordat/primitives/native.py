"""The one door to the Rust twins (package ``concordat-native``).

Everything fast has a plain Python twin that defines it. This module says whether the compiled one is here
and of the same version; callers ask for :data:`rust` and fall back when it is ``None``.
Set ``CONCORDAT_NO_NATIVE=1`` before the first import to run on the Python twins (tests do).
"""

from __future__ import annotations

import os
from types import ModuleType

__all__ = ["NATIVE_VERSION", "rust"]

NATIVE_VERSION = "0.1.0"
"""The two packages match by exact version."""


def _load() -> ModuleType | None:
    if os.environ.get("CONCORDAT_NO_NATIVE"):
        return None
    try:
        import concordat_native
    except ImportError:
        return None
    module: ModuleType = concordat_native
    return module if module.__version__ == NATIVE_VERSION else None


rust = _load()
"""The compiled module, or ``None``."""

"""A data set ready to be registered: content hash, columns, licence. The rows themselves stay where they are."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import sha256
from concordat.protocol.artifact import ArtifactKind, Manifest

__all__ = ["Dataset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A registrable data set."""

    manifest: Manifest
    """What is committed."""

    @classmethod
    def from_csv(
        cls, source: Path | str | bytes, *, name: str, version: str, licence: str, source_note: str = ""
    ) -> Dataset:
        """Describe a CSV file with a header.

        Raises
        ------
        InputError
            If it cannot be read, is not text, or has no rows.
        """
        try:
            data = source if isinstance(source, bytes) else Path(source).read_bytes()
            lines = io.StringIO(data.decode()).read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The data set cannot be read: {error}.", code="FileUnreadable") from error
        if len(lines) < 2:
            raise InputError("The data set has no rows.", code="EmptyFile")
        content: dict[str, Any] = {
            "name": name,
            "version": version,
            "licence": licence,
            "source": source_note,
            "parents": [],
            "files": {"data.csv": to_hex(sha256(data))},
            "columns": lines[0].split(","),
            "rows": len(lines) - 1,
        }
        return cls(manifest=Manifest(kind=ArtifactKind.DATASET, content=content))

    @classmethod
    def from_frame(cls, frame: Any, **said: Any) -> Dataset:
        """Describe a DataFrame by its CSV form."""
        return cls.from_csv(frame.to_csv(index=False).encode(), **said)

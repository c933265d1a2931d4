"""Reading blobs back: from whoever still has them, believed by their commitment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from concordat.chain.answers import Refusal, hex_bytes
from concordat.chain.beacon import BeaconNode
from concordat.chain.kzg import check_blob
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, NotFoundError, VerificationError

__all__ = ["BlobArchive", "BlobReader", "DevelopmentBlobs"]


class BlobReader(Protocol):
    """Somebody who keeps blobs."""

    def candidates(self, versioned: bytes, block: int) -> Sequence[bytes]:
        """Bytes among which the blob with a versioned hash should be, which came with a block; `EndpointError`."""
        ...


@dataclass(frozen=True, slots=True)
class DevelopmentBlobs:
    """Anvil, which is its own consensus node; other nodes do not know the request (`BlobReader`)."""

    endpoint: Endpoint
    """The chain."""

    def candidates(self, versioned: bytes, block: int) -> Sequence[bytes]:
        """The blob, if the node has it."""
        try:
            blob = self.endpoint.call("anvil_getBlobByHash", to_hex(versioned))
        except Refusal:
            return ()
        return () if blob is None else (hex_bytes(blob, where=self.endpoint.name),)


@dataclass(frozen=True, slots=True)
class BlobArchive:
    """Readers, asked one after another."""

    readers: tuple[BlobReader, ...]
    """Nearest first."""

    @classmethod
    def of(cls, endpoint: Endpoint, beacon: str = "") -> BlobArchive:
        """What the endpoint has itself, then what the consensus node of that URL has, if one is named."""
        return cls((DevelopmentBlobs(endpoint), *([BeaconNode(beacon, endpoint)] if beacon else [])))

    def blob(self, versioned: bytes, block: int) -> bytes:
        """The blob with a versioned hash.

        Parameters
        ----------
        versioned : bytes
            As the transaction named it.
        block : int
            Number of the block with the transaction.

        Raises
        ------
        NotFoundError
            ``BlobMissing`` if nobody who answers has it.
        ConfigurationError
            If what came back cannot be checked, because ``concordat[blobs]`` is not installed.
        """
        failed = ""
        for reader in self.readers:
            try:
                candidates = reader.candidates(versioned, block)
            except EndpointError as error:
                failed = f" {error.message}"
                continue
            for blob in candidates:
                if _is_blob(blob, versioned):
                    return blob
        raise NotFoundError(
            f"Nobody asked has that blob.{failed}",
            code="BlobMissing",
            hint="Name a consensus node (the setting beacon); most keep blobs for 18 days only.",
        )


def _is_blob(blob: bytes, versioned: bytes) -> bool:
    try:
        check_blob(blob, versioned)
    except VerificationError:
        return False
    return True

"""Compiled twins of Concordat's hashing and integer-graph execution."""

__version__: str

def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""

def merkle_levels(words: bytes, depth: int) -> list[bytes]:
    """Hashes that cover the words, end to end, for each height from 0 to `depth`."""

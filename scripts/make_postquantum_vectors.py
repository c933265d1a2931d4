"""Write keys, digests and hash-based signatures for the contracts' tests: ``vectors/postquantum.json``.

Everything follows from fixed seeds. The Python tests check the same file with other people's implementations, so that
the contracts are not only measured against our own signer.

Usage: ``make_postquantum_vectors.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.lms import LmsKey
from concordat.primitives.slh_dsa import SlhDsaKey

TARGET = Path(__file__).resolve().parent.parent / "vectors" / "postquantum.json"
LMS_CASES = ((5, 0), (5, 17), (5, 31), (10, 0), (10, 1), (10, 511), (10, 1023))
"""Height and index."""
SLH_DSA_CASES = 4


def lms_vectors() -> list[dict[str, Any]]:
    """Signatures made with the first randomizer, and with the best of many."""
    keys = {height: LmsKey(seed=sha256(b"lms %d" % height) + bytes(8), height=height) for height, _ in LMS_CASES}
    return [
        {
            "key": "0x" + keys[height].public.hex(),
            "digest": "0x" + (digest := keccak256(b"message %d %d" % (height, index))).hex(),
            "signature": "0x" + keys[height].sign(index, digest, tries=tries).hex(),
        }
        for height, index in LMS_CASES
        for tries in (1, 1 << 14)
    ]


def slh_dsa_vectors() -> list[dict[str, Any]]:
    """Deterministic signatures."""
    key = SlhDsaKey(seed=sha256(b"slh-dsa") + bytes(range(16)))
    return [
        {
            "key": "0x" + key.public.hex(),
            "digest": "0x" + (digest := keccak256(b"message %d" % number)).hex(),
            "signature": "0x" + key.sign(digest).hex(),
        }
        for number in range(SLH_DSA_CASES)
    ]


def main() -> None:
    """Write the file."""
    TARGET.write_text(json.dumps({"lms": lms_vectors(), "slh_dsa": slh_dsa_vectors()}, indent=1) + "\n")


if __name__ == "__main__":
    main()

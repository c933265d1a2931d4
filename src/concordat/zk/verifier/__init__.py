"""The verifier in plain Python, on hashlib alone: it defines the protocol.

May import `concordat.zk.{field,transcript,multilinear,relation,parameters,statement,challenges}`; never a prover.
"""

from __future__ import annotations

from concordat.zk.verifier.verify import verify

__all__ = ["verify"]

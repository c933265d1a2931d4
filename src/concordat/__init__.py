"""Concordat: buy, run, prove, record and verify the decisions of a model on Ethereum-compatible chains.

The public API and nothing else; start with `open`, read `concordat.protocol` first. Names are loaded when they are
first used, so that a verifier never loads what a node needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from concordat.verify.engine import verify  # at once: the function has the name of its package, and must come after it

if TYPE_CHECKING:
    from concordat.client.dataset import Dataset
    from concordat.client.decision import Decision
    from concordat.client.model import Card, Model
    from concordat.client.network import Network
    from concordat.client.placed import PlacedOrder
    from concordat.client.quotes import Preference
    from concordat.client.registry import PublishedModel
    from concordat.client.secret import SecretModel
    from concordat.node.open import open
    from concordat.primitives.errors import ConcordatError
    from concordat.primitives.units import days, hours, minutes, seconds, usd
    from concordat.protocol.bundle import Bundle
    from concordat.protocol.evidence import (
        AllOf,
        AnyOf,
        ClientRelease,
        FraudProvable,
        Native,
        Replicated,
        ZeroKnowledge,
    )
    from concordat.protocol.trust import TrustRoot
    from concordat.protocol.verification import Report

__all__ = [
    "AllOf",
    "AnyOf",
    "Bundle",
    "Card",
    "ClientRelease",
    "ConcordatError",
    "Dataset",
    "Decision",
    "FraudProvable",
    "Model",
    "Native",
    "Network",
    "PlacedOrder",
    "Preference",
    "PublishedModel",
    "Replicated",
    "Report",
    "SecretModel",
    "TrustRoot",
    "ZeroKnowledge",
    "days",
    "hours",
    "minutes",
    "open",
    "seconds",
    "usd",
    "verify",
]

_HOMES = {
    "client.dataset": ("Dataset",),
    "client.decision": ("Decision",),
    "client.model": ("Card", "Model"),
    "client.network": ("Network",),
    "client.placed": ("PlacedOrder",),
    "client.quotes": ("Preference",),
    "client.registry": ("PublishedModel",),
    "client.secret": ("SecretModel",),
    "node.open": ("open",),
    "primitives.errors": ("ConcordatError",),
    "primitives.units": ("days", "hours", "minutes", "seconds", "usd"),
    "protocol.bundle": ("Bundle",),
    "protocol.evidence": (
        "AllOf",
        "AnyOf",
        "ClientRelease",
        "FraudProvable",
        "Native",
        "Replicated",
        "ZeroKnowledge",
    ),
    "protocol.trust": ("TrustRoot",),
    "protocol.verification": ("Report",),
}
_HOME_OF = {name: f"concordat.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'concordat' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

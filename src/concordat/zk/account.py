"""The soundness account as text: what each step of a proof is worth, the weakest first."""

from __future__ import annotations

from concordat.zk.parameters import SECURITY_BITS, Parameters, soundness
from concordat.zk.relation import Relation

__all__ = ["account"]


def account(relation: Relation, parameters: Parameters) -> str:
    """Bits by component, a line each, and their total with what a verifier requires.

    Parameters
    ----------
    relation : Relation
        What is proven.
    parameters : Parameters
        Sizes of the codes; they may be too weak, which the last line says.
    """
    bits = soundness(relation, parameters)
    total = bits.pop("total")
    width = max(map(len, (*bits, "total")))
    lines = [f"{name:{width}}  {worth:6.1f}" for name, worth in sorted(bits.items(), key=lambda item: item[1])]
    verdict = "enough" if total >= SECURITY_BITS else "too few"
    return "\n".join([*lines, f"{'total':{width}}  {total:6.1f}  {verdict}: {SECURITY_BITS} are required"])

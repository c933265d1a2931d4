"""Check 13 for hidden models: nobody can run them again, and nobody has to."""

from __future__ import annotations

from concordat.protocol.bundle import Bundle
from concordat.verify.case import Case, Found, contradiction, holds, unchecked
from concordat.zk.hidden import Answer, HiddenModel
from concordat.zk.parameters import soundness
from concordat.zk.verifier import verify

__all__ = ["check_answer", "hidden_input"]


def check_answer(case: Case, program: bytes) -> Found:
    """Check the proof of what the hidden model said, then its registration and bounds; all by the plain verifier."""
    bundle = case.bundle
    hidden = _opened(bundle, program)
    if hidden is None:
        return contradiction("The file of the hidden model is not the one that the model id commits to.")
    if bundle.proof is None:
        return unchecked("The bundle does not carry the proof.")
    if bundle.output is None:
        return unchecked("The bundle does not disclose the output that the proof is about.")
    answer = Answer.decode(bundle.proof)
    statement = hidden.statement(case.order_id, bundle.order, bundle.domain, bundle.output, answer)
    verify(statement, answer.proof)
    hidden.check(plain=True)
    bits = int(soundness(hidden.relation, hidden.parameters)["total"])
    return holds(f"A zero-knowledge proof of {len(answer.proof):,} bytes shows this output ({bits} bits of soundness).")


def hidden_input(case: Case, program: bytes) -> Found:
    """Check 5 for hidden models."""
    disclosed, hidden = case.bundle.input, _opened(case.bundle, program)
    if hidden is None:
        return contradiction("The file of the hidden model is not the one that the model id commits to.")
    if disclosed is None and case.bundle.proof is None:
        return unchecked("The bundle does not disclose the input.")
    if disclosed is None:
        return unchecked("The input stays hidden; the proof is about the one that the client committed to.")
    if hidden.input_root(disclosed.words, disclosed.salt) != case.bundle.order.input:
        return contradiction("The disclosed input is not the one that the client committed to.")
    return holds("The disclosed input is the one that the client committed to.")


def _opened(bundle: Bundle, program: bytes) -> HiddenModel | None:
    """The hidden model in a file, if the bundle's commitment is to it."""
    hidden = HiddenModel.decode(program)
    return hidden if hidden.commitment(bundle.model.manifest_digest) == bundle.model else None

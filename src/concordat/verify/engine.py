"""Runs the checks in an order in which each can build on the ones before, and says which of them have to pass."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import ConfigurationError, InputError, VerificationError
from concordat.primitives.units import show_usd
from concordat.protocol.bundle import MAX_BUNDLE_BYTES, Bundle
from concordat.protocol.evidence import Policy
from concordat.protocol.tombstone import LoggedTombstone
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import CHECKS, ChainFacts, Check, Outcome, Report
from concordat.verify import chain, decision, logged
from concordat.verify.case import Case, Found, contradiction, holds, unchecked
from concordat.verify.erased import ERASED_CHECKS
from concordat.verify.erased import erasure as erasure_of

__all__ = ["verify"]

MOST_SHOWN = 1000
"""Characters of one value in a report."""
ALWAYS_REQUIRED = frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10, 11})
"""What every report needs to be good; 5 and 13 may be left to other evidence, the rest depends on what is at hand."""


def verify(
    bundle: Bundle | bytes | Path | str,
    trust: TrustRoot | None = None,
    *,
    policy: Policy | None = None,
    endpoint_facts: ChainFacts | None = None,
    program: bytes | None = None,
    erasure: LoggedTombstone | None = None,
) -> Report:
    """Check one decision.

    Parameters
    ----------
    bundle : Bundle, bytes or path
        A bundle, its bytes, or the file they are in.
    trust : TrustRoot, optional
        Without it the best verdict is "consistent, not trusted".
    policy : Policy, optional
        Evidence that must have been gathered, whatever the client signed; default is that of the trust root.
    endpoint_facts : ChainFacts, optional
        What somebody read from a chain; checks 14 and 16 (and 15 where the trust root names the anchor) must then pass.
    program : bytes, optional
        The model's program file, if the bundle does not carry it.
    erasure : LoggedTombstone, optional
        What the log says about the order by now, if the bundle is older than that; checks that need what was erased are
        then *erased*, even where this copy still has it.

    Returns
    -------
    Report
        All sixteen checks; truthy only if everything required passed.

    Raises
    ------
    VerificationError
        If the bytes are not a bundle at all.
    InputError
        If the file cannot be read.
    ConfigurationError
        ``MlDsaMissing`` if the trust root asks for ML-DSA-44 and the installed library cannot verify it.
    """
    parsed = Bundle.parse(bundle.encode() if isinstance(bundle, Bundle) else _bytes_of(bundle))
    case = Case.of(parsed, trust=trust, policy=policy, facts=endpoint_facts, program=program, erasure=erasure)
    found: dict[int, Found] = {1: holds("It is canonical, and every value is in its range.")}
    for number, check in _CHECKS.items():
        found[number] = _run(check, case)
        passed = found[number].outcome is Outcome.PASS
        if number == 13:
            case = dataclasses.replace(case, replayed=passed)
        if number == 14:
            case = dataclasses.replace(case, settled=passed)
    _mark_erased(found, case)
    return Report(
        checks=tuple(Check(number=n, outcome=found[n].outcome, reason=_one_line(found[n].reason)) for n in CHECKS),
        required=_required(case),
        subject=_subject(case),
    )


def _mark_erased(found: dict[int, Found], case: Case) -> None:
    said = _run(erasure_of, case) if case.erasure is not None else None
    if said is None:
        return
    marked = ERASED_CHECKS if said.outcome is Outcome.ERASED else {10}
    for number in marked:
        if found[number].outcome is not Outcome.FAIL:
            found[number] = said


def _replay(case: Case) -> Found:
    if case.program is None:
        return unchecked("The bundle does not carry the program.")
    if case.bundle.model.hidden:
        from concordat.verify.proof import check_answer

        return check_answer(case, case.program)
    from concordat.verify.replay import replay  # numpy and the executor are only needed here

    return replay(case, case.program)


def _input(case: Case) -> Found:
    if not case.bundle.model.hidden:
        return decision.input_opening(case)
    if case.program is None:
        return unchecked("The bundle does not carry what a hidden model's inputs are checked with.")
    from concordat.verify.proof import hidden_input

    return hidden_input(case, case.program)


_CHECKS: dict[int, Callable[[Case], Found]] = {
    2: decision.identity,
    4: decision.model_opening,
    5: _input,
    6: decision.result_opening,
    7: decision.output_opening,
    9: logged.record_matches,
    10: logged.inclusion,
    11: logged.log_signature,
    12: logged.witness_quorum,
    13: _replay,
    14: chain.settlement,
    3: decision.authorisation,
    8: decision.evidence,
    15: chain.anchor,
    16: chain.sequence,
}
"""In order of running: 3 and 8 build on 13 and 14."""


def _run(check: Callable[[Case], Found], case: Case) -> Found:
    try:
        return check(case)
    except ConfigurationError:
        raise  # what is missing here says nothing about the bundle
    except (VerificationError, InputError) as error:
        return contradiction(error.message)


def _required(case: Case) -> frozenset[int]:
    required = set(ALWAYS_REQUIRED)
    if case.trust is not None and case.trust.quorum:
        required.add(12)
    if case.facts is not None:
        required |= {14, 16}
        if case.trust is not None and case.trust.checkpoints is not None:
            required.add(15)
    return frozenset(required)


def _subject(case: Case) -> tuple[tuple[str, str], ...]:
    bundle, order = case.bundle, case.bundle.order
    rows = [
        ("Order", to_hex(case.order_id)),
        ("Model", to_hex(order.model)),
        ("Market", f"{checksum_address(bundle.domain.market)} on chain {bundle.domain.chain_id}"),
        ("Client", checksum_address(order.client)),
        ("Provider", checksum_address(order.provider)),
        ("Price", f"{show_usd(order.price)}, with a bond of {show_usd(order.bond)}"),
        ("Evidence asked for", decision.show_policy(order.evidence)),
    ]
    if bundle.output is not None:
        rows.append(("Output", _output(bundle) or to_hex(bundle.output)))
    if case.proof is not None and case.record is not None:
        rows.append(("Logged", f"as entry {case.proof.index} of {case.proof.checkpoint.origin}"))
    return tuple((label, _one_line(value)) for label, value in rows)


def _one_line(text: str) -> str:
    """Text that may come from anybody, without anything that moves a terminal's cursor or looks like another line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:MOST_SHOWN])


def _output(bundle: Bundle) -> str | None:
    try:
        return decision.show_output(bundle)
    except InputError:
        return None  # check 7 says so


def _bytes_of(source: bytes | Path | str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        with open(os.fspath(source), "rb") as file:
            return file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.", code="FileUnreadable") from error

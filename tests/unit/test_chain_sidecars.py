"""Blobs that travel with transactions: bytes, proofs and fees, held against the libraries of others."""

from __future__ import annotations

from typing import Any, cast

import eth_account
import pytest
import rlp

from concordat.chain import kzg
from concordat.chain.accounts import Account
from concordat.chain.answers import Refusal
from concordat.chain.blobs import to_blob
from concordat.chain.envelope import Call, Fees, SignedTransaction, call_of, sign_call
from concordat.chain.pool import dearer, fees_now, not_yet, refused_by_pool, wants_cells
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.primitives.encoding import checksum_address
from concordat.primitives.errors import ConfigurationError, EndpointError, InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address

KEY = keccak256(b"blobs")
BLOB = to_blob(b"some data " * 1000)


@pytest.fixture(scope="module", params=[False, True], ids=["blob proofs", "cell proofs"])
def sidecar(request: pytest.FixtureRequest) -> Sidecar:
    return Sidecar.of(BLOB, cells=request.param)


def call_with(sidecar: Sidecar | None, to: Address | None = Address(b"\x11" * 20)) -> Call:
    fees = Fees(max_fee=5 * 10**9, tip=3, blob=70)
    return Call(chain_id=5, nonce=7, fees=fees, gas=90_000, to=to, value=1, data=b"data", sidecar=sidecar)


def test_signed_transaction_with_blobs_comes_back_from_its_bytes(sidecar: Sidecar) -> None:
    account, call = Account(KEY), call_with(sidecar)
    signed = sign_call(call, account)
    assert call_of(signed.raw) == call
    assert SignedTransaction.of(signed.raw) == signed
    assert signed.hash != keccak256(signed.raw)


def test_signer_of_a_transaction_with_cell_proofs_is_found_by_eth_account() -> None:
    signed = sign_call(call_with(Sidecar.of(BLOB, cells=True)), Account(KEY))
    assert eth_account.Account.recover_transaction(signed.raw) == checksum_address(Account(KEY).address)


def test_sidecar_of_bytes_that_are_no_blob_is_refused() -> None:
    for bad in (b"", BLOB[:-1], b"\xff" * 131_072):
        with pytest.raises(VerificationError) as caught:
            Sidecar.of(bad)
        assert caught.value.code == "BlobCorrupt"


def test_check_blob_of_another_blob_is_refused(sidecar: Sidecar) -> None:
    kzg.check_blob(BLOB, sidecar.versioned_hashes[0])
    with pytest.raises(VerificationError):
        kzg.check_blob(to_blob(b"other"), sidecar.versioned_hashes[0])


def test_bytes_whose_blobs_are_not_those_that_were_signed_are_refused(sidecar: Sidecar) -> None:
    signed = sign_call(call_with(sidecar), Account(KEY))
    payload, *rest = rlp.decode(signed.raw[1:])
    other = Sidecar.of(to_blob(b"other"), cells=sidecar.cells)
    forms: list[Any] = [
        payload,
        [payload],
        [payload, *other.fields()],
        [payload, *rest[:-1], []],
        [payload, *rest[:-2], [b"\1" * 47], rest[-1]],
        [payload, b"\2", *rest[-3:]],
        [payload[:-2], *rest],
        [[*payload[:5], b"", *payload[6:]], *rest],
        [[b"\0\5", *payload[1:]], *rest],
    ]
    for form in forms:
        with pytest.raises(InputError) as caught:
            SignedTransaction.of(b"\3" + rlp.encode(form))
        assert caught.value.code == "BadTransaction"


def test_transaction_with_blobs_that_creates_a_contract_is_refused(sidecar: Sidecar) -> None:
    with pytest.raises(InputError):
        sign_call(call_with(sidecar, to=None), Account(KEY))


def test_sidecar_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kzg, "find_spec", lambda name: None)
    kzg._loaded.cache_clear()
    assert not kzg.can_make_blobs()
    with pytest.raises(ConfigurationError) as caught:
        Sidecar.of(BLOB)
    assert caught.value.code == "NoBlobLibrary"
    assert "concordat[blobs]" in str(caught.value.hint)


# -- fees ------------------------------------------------------------------------------------------------------------

HISTORY = {"baseFeePerGas": ["0x10", "0x20"], "reward": [["0x3"]], "baseFeePerBlobGas": ["0x4", "0x5"]}


def test_fees_now_with_blobs_offer_twice_the_next_blocks_blob_fee() -> None:
    assert fees_now(HISTORY, blobs=True) == Fees(max_fee=67, tip=3, blob=10)
    assert fees_now(HISTORY).blob == 0


@pytest.mark.parametrize("fees", [None, [], ["0x1", "0x0"]])
def test_fees_now_of_a_chain_without_blobs_say_so(fees: Any) -> None:
    with pytest.raises(EndpointError) as caught:
        fees_now(HISTORY | {"baseFeePerBlobGas": fees}, blobs=True)
    assert caught.value.code == "NoBlobs"


def test_dearer_with_blobs_doubles_all_three_fees() -> None:
    old, today = Fees(max_fee=100, tip=2, blob=3), Fees(max_fee=90, tip=9, blob=4)
    assert dearer(old, today) == Fees(max_fee=200, tip=9, blob=6)
    assert dearer(Fees(max_fee=100, tip=2), today) == Fees(max_fee=113, tip=9)


def test_refusal_of_blobs_beside_other_transactions_is_waited_out() -> None:
    assert not_yet(Refusal(-32000, "address already reserved", b"", "node"))
    cheap = "max fee per blob gas less than block blob gas fee: address 0x…, blobGasFeeCap: 1, blobBaseFee: 2"
    assert refused_by_pool(Refusal(-32000, cheap, b"", "node")).code == "Underpriced"


class Told:
    """An endpoint that answers one thing."""

    chain_id = 31337

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, method: str) -> Any:
        """The answer, or its refusal."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (Refusal(-32601, "the method eth_config does not exist", b"", "node"), False),
        ({"current": {"precompiles": {"ECREC": "0x01"}}}, False),
        ({"current": {"precompiles": {"P256VERIFY": "0x0100"}}}, True),
        ({"current": None}, False),
        ("nonsense", False),
    ],
)
def test_wants_cells_follows_the_rules_that_the_chain_tells(answer: Any, wanted: bool) -> None:
    assert wants_cells(cast("Endpoint", Told(answer))) is wanted


def test_wants_cells_of_ethereum_itself_needs_no_answer() -> None:
    told = Told(Refusal(-32601, "method not allowed", b"", "node"))
    told.chain_id = 1
    assert wants_cells(cast("Endpoint", told))

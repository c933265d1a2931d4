"""The packaged contracts speak the standards' own ABIs: every function, event and indexed argument.

The lists are those of the published interfaces: ERC-8004 (registries as deployed, without what upgrades them), ERC-8183
(base contracts), ERC-7992, ERC-7007, and the resolver of the Ethereum Attestation Service.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from concordat.chain.contracts import packaged
from concordat.primitives.hashing import keccak256

REPUTATION = """
event FeedbackRevoked(uint256 indexed,address indexed,uint64 indexed)
event NewFeedback(uint256 indexed,address indexed,uint64,int128,uint8,string indexed,string,string,string,string,\
bytes32)
event ResponseAppended(uint256 indexed,address indexed,uint64,address indexed,string,bytes32)
function appendResponse(uint256,address,uint64,string,bytes32) -> ()
function getClients(uint256) -> (address[])
function getIdentityRegistry() -> (address)
function getLastIndex(uint256,address) -> (uint64)
function getResponseCount(uint256,address,uint64,address[]) -> (uint64)
function getSummary(uint256,address[],string,string) -> (uint64,int128,uint8)
function giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32) -> ()
function readAllFeedback(uint256,address[],string,string,bool) -> \
(address[],uint64[],int128[],uint8[],string[],string[],bool[])
function readFeedback(uint256,address,uint64) -> (int128,uint8,string,string,bool)
function revokeFeedback(uint256,uint64) -> ()
"""
VALIDATION = """
event ValidationRequest(address indexed,uint256 indexed,string,bytes32 indexed)
event ValidationResponse(address indexed,uint256 indexed,bytes32 indexed,uint8,string,bytes32,string)
function getAgentValidations(uint256) -> (bytes32[])
function getIdentityRegistry() -> (address)
function getSummary(uint256,address[],string) -> (uint64,uint8)
function getValidationStatus(bytes32) -> (address,uint256,uint8,bytes32,string,uint256)
function getValidatorRequests(address) -> (bytes32[])
function validationRequest(address,uint256,string,bytes32) -> ()
function validationResponse(bytes32,uint8,string,bytes32,string) -> ()
"""
IDENTITY = """
event Approval(address indexed,address indexed,uint256 indexed)
event ApprovalForAll(address indexed,address indexed,bool)
event MetadataSet(uint256 indexed,string indexed,string,bytes)
event Registered(uint256 indexed,string,address indexed)
event Transfer(address indexed,address indexed,uint256 indexed)
event URIUpdated(uint256 indexed,string,address indexed)
function eip712Domain() -> (bytes1,string,string,uint256,address,bytes32,uint256[])
function getAgentWallet(uint256) -> (address)
function getMetadata(uint256,string) -> (bytes)
function ownerOf(uint256) -> (address)
function register() -> (uint256)
function register(string) -> (uint256)
function register(string,(string,bytes)[]) -> (uint256)
function setAgentURI(uint256,string) -> ()
function setAgentWallet(uint256,address,uint256,bytes) -> ()
function setMetadata(uint256,string,bytes) -> ()
function supportsInterface(bytes4) -> (bool)
function tokenURI(uint256) -> (string)
function unsetAgentWallet(uint256) -> ()
"""
HOOK = """
function afterAction(uint256,bytes4,bytes) -> ()
function beforeAction(uint256,bytes4,bytes) -> ()
function supportsInterface(bytes4) -> (bool)
"""
INFERENCE = """
event InferenceVerified(uint256 indexed,bytes32 indexed,bytes,address indexed)
event ModelDeprecated(uint256 indexed)
event ModelRegistered(uint256 indexed,address indexed,(bytes32,bytes32,bytes32,bytes4,string))
event ModelUpdated(uint256 indexed,(bytes32,bytes32,bytes32,bytes4,string),(bytes32,bytes32,bytes32,bytes4,string))
function deprecateModel(uint256) -> ()
function getModel(uint256) -> ((bytes32,bytes32,bytes32,bytes4,string),bool,address)
function proofSystemOf(uint256) -> (bytes4)
function registerModel((bytes32,bytes32,bytes32,bytes4,string)) -> (uint256)
function registry() -> (address)
function supportsInterface(bytes4) -> (bool)
function updateModel(uint256,(bytes32,bytes32,bytes32,bytes4,string)) -> ()
function verifyInference(uint256,bytes32,bytes,bytes) -> ()
"""
CONTENT = """
event AigcData(uint256 indexed,bytes indexed,bytes indexed,bytes)
function addAigcData(uint256,bytes,bytes,bytes) -> ()
function supportsInterface(bytes4) -> (bool)
function verify(bytes,bytes,bytes) -> (bool)
"""
_ATTESTATION = "(bytes32,bytes32,uint64,uint64,uint64,bytes32,address,address,bool,bytes)"
RESOLVER = f"""
function attest({_ATTESTATION}) -> (bool)
function isPayable() -> (bool)
function multiAttest({_ATTESTATION}[],uint256[]) -> (bool)
function multiRevoke({_ATTESTATION}[],uint256[]) -> (bool)
function revoke({_ATTESTATION}) -> (bool)
function version() -> (string)
"""


def kind(item: dict[str, Any]) -> str:
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return f"({','.join(map(kind, item['components']))}){item['type'][5:]}"


def line(entry: dict[str, Any]) -> str:
    if entry["type"] == "event":
        inputs = ",".join(kind(item) + (" indexed" if item["indexed"] else "") for item in entry["inputs"])
        return f"event {entry['name']}({inputs})"
    if entry["type"] != "function":
        return ""
    inputs, outputs = (",".join(map(kind, entry[side])) for side in ("inputs", "outputs"))
    return f"function {entry['name']}({inputs}) -> ({outputs})"


def lines_of(name: str) -> set[str]:
    text = (files("concordat.chain") / "abi" / f"{name}.json").read_text()
    return {line(entry) for entry in json.loads(text)["abi"]}


@pytest.mark.parametrize(
    ("name", "standard"),
    [
        ("Agents", IDENTITY),
        ("Reputation", REPUTATION),
        ("Validation", VALIDATION),
        ("JobEvaluator", HOOK),
        ("InferenceVerifier", INFERENCE),
        ("AigcVerifier", CONTENT),
        ("DecisionResolver", RESOLVER),
    ],
)
def test_packaged_contract_has_everything_its_standard_has(name: str, standard: str) -> None:
    assert name in packaged()
    assert [wanted for wanted in standard.strip().splitlines() if wanted not in lines_of(name)] == []


@pytest.mark.parametrize(
    ("functions", "identifier"),
    [
        (["addAigcData(uint256,bytes,bytes,bytes)", "verify(bytes,bytes,bytes)"], "702c55a6"),
        (["isValidSignature(bytes32,bytes)"], "1626ba7e"),
        (["supportsInterface(bytes4)"], "01ffc9a7"),
    ],
)
def test_interface_id_that_a_standard_publishes_is_that_of_its_functions(functions: list[str], identifier: str) -> None:
    found = 0
    for function in functions:
        found ^= int.from_bytes(keccak256(function.encode())[:4], "big")
    assert f"{found:08x}" == identifier

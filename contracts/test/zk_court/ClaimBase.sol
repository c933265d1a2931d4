// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Disclosed, IProofCourt, Posted} from "../../src/interfaces/IProofCourt.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ReplicationParameters} from "../../src/interfaces/IReplication.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {EvidenceKind, Order, OrderStatus} from "../../src/types/Types.sol";
import {Step} from "../../src/zk/ProofData.sol";
import {RelationReader, Shape} from "../../src/zk/RelationReader.sol";
import {Test} from "../Vm.sol";
import {SharedPaths} from "./SharedPaths.sol";

/// @dev What the tests ask of the development token.
interface IToken {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function balanceOf(address account) external view returns (uint256);
}

/// @dev The module as evidence, besides its claims.
interface IProofModule is IProofCourt {
    function verify(bytes32 orderId, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bool);
}

/// @dev Data, and what opens it.
library ClaimData {
    uint256 internal constant CHUNK = 1024;

    /// @dev Bytes `from … to` of some bytes.
    function cut(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), from), sub(to, from))
        }
    }

    /// @dev Hashes of all chunks.
    function chunks(bytes memory data) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[]((data.length + CHUNK - 1) / CHUNK);
        for (uint256 i = 0; i < hashes.length; ++i) {
            uint256 end = (i + 1) * CHUNK < data.length ? (i + 1) * CHUNK : data.length;
            hashes[i] = keccak256(cut(data, i * CHUNK, end));
        }
    }

    /// @dev All of it, as one piece.
    function whole(bytes memory data) internal pure returns (Disclosed memory d) {
        d.chunks = chunks(data);
        d.first = new uint256[](1);
        d.pieces = new bytes[](1);
        d.pieces[0] = data;
    }
}

/// @dev A market with the proof court, deployed where the committed claim was proven for, and its order, funded.
/// The fixture is written by `scripts/make_claim_fixture.py`. Contracts come from their artifacts: the compiler of these
/// files would optimise each of them anew for every test that creates it.
abstract contract ClaimBase is Test {
    using RelationReader for bytes;

    uint256 private constant CLIENT_KEY = 0xC11E;
    uint256 private constant PROVIDER_KEY = 0x9401;
    uint96 internal constant PRICE = 500_000;
    uint96 internal constant BOND = 2_000_001;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant FORTUNE = 1e15;
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint8 internal constant VALIDITY = 2;
    uint8 private constant CREDIT = 1;
    address private constant DEPLOYER = address(0xD3B1);
    string private constant FOLDER = "contracts/test/zk_court/fixture/";
    bytes32 internal constant SALT = keccak256("find");
    /// @dev What `judge` says of a step that convicts; all else is the error's name.
    bytes4 internal constant CONVICTED = bytes4(uint32(1));
    uint256 internal constant SPAN_BYTES = 11;

    address internal client = vm.addr(CLIENT_KEY);
    address internal provider = vm.addr(PROVIDER_KEY);
    address internal challenger = vm.addr(0xCA11);
    address internal stranger = vm.addr(0x57A6);
    IToken internal token;
    IVault internal vault;
    IMarket internal market;
    IProofModule internal proofs;
    Shape internal shape;
    Order internal asked;
    bytes32 internal id;
    bytes internal head;
    bytes internal output;
    /// @dev Output of the false claim.
    bytes internal lie;

    function setUp() public virtual {
        vm.chainId(31337);
        vm.warp(START);
        vm.roll(1000);
        deployAll();
        readOrder();
        for (uint256 i = 0; i < 4; ++i) {
            address person = [client, provider, challenger, stranger][i];
            token.mint(person, 2 * FORTUNE);
            vm.startPrank(person);
            token.approve(address(vault), type(uint256).max);
            vault.deposit(FORTUNE);
            vm.stopPrank();
        }
        bytes memory relation = file("relation.bin");
        proofs.admit(relation);
        shape = this.shapeOf(relation);
        accept(asked);
    }

    function shapeOf(bytes calldata relation) external pure returns (Shape memory) {
        return relation.shape();
    }

    // -- deployment --------------------------------------------------------------------------------------------------

    function deployAll() private {
        address[8] memory modules;
        modules[VALIDITY] = at(11);
        modules[uint256(EvidenceKind.REPLICATED)] = at(4);
        token = IToken(create("DevToken", ""));
        vault = IVault(create("Vault", abi.encode(token, at(2), at(3), at(4))));
        market = IMarket(create("Market", abi.encode(vault, at(3), 25, 50, 25, modules)));
        create("Court", abi.encode(market, vault, 3600, 2_000_000, 10));
        ReplicationParameters memory replication = ReplicationParameters({
            ticket: 5_000_000, drawDelay: 4, commitTime: 300, revealTime: 300, unbonding: 8 days
        });
        create("Replication", abi.encode(market, vault, at(3), replication));
        address evaluator = create("ConstraintEvaluator", "");
        address verifier = create("ProofVerifier", abi.encode(evaluator));
        address evidence = create("ValidityEvidence", abi.encode(verifier, market));
        address[3] memory steps =
            [create("TranscriptSteps", abi.encode(evaluator)), create("SumSteps", ""), create("ColumnSteps", "")];
        proofs = IProofModule(create("ProofCourt", abi.encode(market, evidence, evaluator, steps)));
        assertEq(address(proofs), at(11), "the proof court's address was predicted");
    }

    /// @dev Where the deployer's contract of that number is.
    function at(uint256 number) private pure returns (address) {
        return vm.computeCreateAddress(DEPLOYER, number);
    }

    function create(string memory name, bytes memory arguments) private returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(string.concat(name, ".sol:", name)), arguments);
        vm.prank(DEPLOYER);
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        assertTrue(made != address(0), name);
    }

    // -- the fixture -------------------------------------------------------------------------------------------------

    function file(string memory name) internal view returns (bytes memory) {
        return vm.readFileBinary(string.concat(FOLDER, name));
    }

    function readOrder() private {
        string memory json = string(file("claim.json"));
        head = vm.parseJsonBytes(json, ".head");
        output = vm.parseJsonBytes(json, ".output");
        lie = vm.parseJsonBytes(json, ".lie");
        asked = Order({
            client: client,
            provider: provider,
            price: PRICE,
            bond: BOND,
            acceptBy: uint40(START + 600),
            deliverBy: uint40(START + 1200),
            window: 300,
            model: vm.parseJsonBytes32(json, ".model"),
            input: vm.parseJsonBytes32(json, ".input"),
            evidence: vm.parseJsonBytes32(json, ".evidence"),
            effect: 0,
            terms: 0,
            salt: vm.parseJsonBytes32(json, ".salt")
        });
        id = market.orderId(asked);
        assertEq(id, vm.parseJsonBytes32(json, ".order"), "the claim was proven for this order of this market");
    }

    /// @dev The step that reads a byte of the data first.
    function reader(uint256 place) internal view returns (Step step, uint256 index) {
        bytes memory spans = file("spans.bin");
        uint256 low = 0;
        uint256 high = spans.length / SPAN_BYTES;
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (uint256(span(spans, middle) >> 224) <= place) low = middle;
            else high = middle;
        }
        return (Step(uint8(span(spans, low) >> 184)), uint16(span(spans, low) >> 168));
    }

    /// @dev First byte 32, byte behind the last 32, step 8, index 16 of a row of the table, most significant first.
    function span(bytes memory spans, uint256 row) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(spans, 32), mul(row, 11)))
        }
    }

    /// @dev What the module takes as whole evidence: the proof that the data holds, with what it is about.
    function evidenceOf(bytes memory data) internal view returns (bytes memory) {
        bytes memory relation = file("relation.bin");
        bytes memory spans = file("spans.bin");
        SharedPaths.Parts memory places;
        (places.hub, places.drawn) = (span(spans, 3) >> 224, uint32(span(spans, 3) >> 192));
        uint256 row = 0;
        uint256 claims = 0;
        for (uint256 step; step != uint256(Step.WITNESS_COLUMN); ++row) {
            claims = span(spans, row) >> 224;
            step = uint8(span(spans, row) >> 184);
        }
        uint256 counts = uint64(bytes8(ClaimData.cut(data, 0, 8)));
        uint256 three = (counts >> 48) + uint16(counts >> 32) + uint16(counts >> 16);
        places.positions = claims - 4 * (three + uint16(counts));
        places.columns = claims + 48 * (three + (counts >> 48));
        bytes memory proof = SharedPaths.proofOf(data, ClaimData.cut(head, 68, 120), shape, places);
        return abi.encodePacked(head, uint32(relation.length), relation, proof);
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    /// @dev The provider accepts on the client's credit.
    function accept(Order memory order) internal {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CLIENT_KEY, market.orderId(order));
        vm.prank(provider);
        market.accept(order, CREDIT, abi.encodePacked(r, s, v));
    }

    function free(address account) internal view returns (uint256 amount) {
        (amount,) = vault.balance(account);
    }

    function locked(address account) internal view returns (uint256 amount) {
        (, amount) = vault.balance(account);
    }

    function status(Order memory order) internal view returns (OrderStatus) {
        return OrderStatus(uint256(market.state(market.orderId(order))) >> 253);
    }

    function assertStatus(Order memory order, OrderStatus expected) internal view {
        assertEq(uint256(status(order)), uint256(expected), "status");
    }

    // -- claims ------------------------------------------------------------------------------------------------------

    /// @dev What the provider says.
    function said(bytes memory output_) internal view returns (Posted memory p) {
        p.output = output_;
        p.head = head;
        p.relation = sha256(file("relation.bin"));
    }

    /// @dev The provider posts data; what opens the claim.
    function post(bytes memory output_, bytes memory data) internal returns (Posted memory p) {
        p = said(output_);
        vm.prank(provider);
        proofs.postCalldata(asked, shape, p, data);
        p.root = keccak256(abi.encodePacked(ClaimData.chunks(data)));
        p.length = data.length;
    }

    function digestOf(bytes32 id_, Step step, uint256 index, address who) internal pure returns (bytes32) {
        return keccak256(abi.encode(id_, uint256(step), index, who, SALT));
    }

    /// @dev The challenger commits to a find, and shows it with all data a block later.
    function judge(Posted memory p, bytes memory data, Step step, uint256 index) internal returns (bytes4) {
        return show(p, ClaimData.whole(data), step, index);
    }

    function show(Posted memory p, Disclosed memory d, Step step, uint256 index) internal returns (bytes4) {
        find(digestOf(id, step, index, challenger));
        return refute(p, d, step, index, gasleft());
    }

    function find(bytes32 digest) internal {
        vm.prank(challenger);
        proofs.commitFind(digest);
        vm.roll(block.number + 1);
    }

    function refute(Posted memory p, Disclosed memory d, Step step, uint256 index, uint256 gas_)
        internal
        returns (bytes4)
    {
        bytes memory relation = step == Step.EVALUATION ? file("relation.bin") : bytes("");
        vm.prank(challenger);
        try proofs.refuteStep{gas: gas_}(asked, p, shape, relation, d, step, index, SALT) {
            return CONVICTED;
        } catch (bytes memory reason) {
            return bytes4(reason);
        }
    }

    function assertJudged(bytes4 found, bytes4 expected, string memory what) internal pure {
        assertEq(bytes32(found), bytes32(expected), what);
    }

    function commitmentOf(bytes memory output_) internal view returns (uint256) {
        bytes32 opened = keccak256(abi.encode(id, provider, bytes32(0), keccak256(output_)));
        return uint256(opened) >> 56;
    }
}

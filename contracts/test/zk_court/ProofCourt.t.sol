// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims} from "../../src/interfaces/IClaims.sol";
import {BlobHalf, Disclosed, IProofCourt, Posted} from "../../src/interfaces/IProofCourt.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {BlobData} from "../../src/zk/BlobData.sol";
import {Step} from "../../src/zk/ProofData.sol";
import {RelationReader, Shape} from "../../src/zk/RelationReader.sol";
import {Soundness} from "../../src/zk/Soundness.sol";
import {ClaimBase, ClaimData} from "./ClaimBase.sol";

/// @title The proof court with a real proof, a false one, and every byte in between
/// @dev Most fuzz runs are half of the others' because one posts and replays 94 KB of data.
contract ProofCourtTest is ClaimBase {
    using ClaimData for bytes;

    /// @dev As `ValidityEvidence` has it.
    error BadEvidence();

    string private constant GROUP = "proofs";
    uint256 private constant STEPS = 18;
    /// @dev Gas of a transaction (EIP-7825).
    uint256 private constant CAP = 1 << 24;

    // -- admission ---------------------------------------------------------------------------------------------------

    function test_admit_relation_keepsItsShapeAndTellsIt() external {
        bytes memory relation = file("relation.bin");
        vm.expectEmit(address(proofs));
        emit IProofCourt.RelationAdmitted(sha256(relation), shape);
        proofs.admit(relation);
        vm.snapshotGasLastCall(GROUP, "admit");
    }

    function test_admit_relationCutOrTooLarge_isRefused() external {
        bytes memory relation = file("relation.bin");
        vm.expectRevert(RelationReader.BadRelation.selector);
        proofs.admit(relation.cut(0, relation.length - 8));
        vm.expectRevert(RelationReader.BadRelation.selector);
        proofs.admit("");
        // with what else a refutation shows, no node would pass it on
        vm.expectRevert(IProofCourt.TooLarge.selector);
        proofs.admit(bytes.concat(relation, new bytes(98_305 - relation.length)));
        // the first number is how many rows there are
        vm.expectRevert(IProofCourt.TooLarge.selector);
        proofs.admit(abi.encodePacked(relation.cut(0, 8), uint64(1 << 21), relation.cut(16, relation.length)));
    }

    // -- posting -----------------------------------------------------------------------------------------------------

    function test_postCalldata_ofTheProvider_saysWhatIsClaimed() external {
        bytes memory data = file("true.bin");
        Posted memory plain = said(output);
        Posted memory p = said(output);
        p.root = keccak256(abi.encodePacked(data.chunks()));
        p.length = data.length;
        vm.expectEmit(address(proofs));
        emit IProofCourt.ClaimPosted(id, provider, p);
        vm.prank(provider);
        proofs.postCalldata(asked, shape, plain, data);
        vm.snapshotGasLastCall(GROUP, "claim in call data");
        assertEq(proofs.postedAt(id, commitmentOf(output)), block.timestamp, "posted");
        refusesPost(asked, shape, said(output), data, IProofCourt.ClaimExists.selector);
    }

    function test_postCalldata_byAnybodyElse_isRefused() external {
        Posted memory p = said(output);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank([client, challenger, stranger][i]);
            vm.expectRevert(IProofCourt.NotProvider.selector);
            proofs.postCalldata(asked, shape, p, "data");
        }
    }

    function test_postCalldata_unlessTheOrderIsFunded_isRefused() external {
        Order memory other = asked;
        other.salt = keccak256("other");
        refusesPost(other, shape, said(output), "data", IProofCourt.WrongStatus.selector);
        post(output, "data");
        vm.prank(provider);
        market.submit(asked, 0, output);
        refusesPost(asked, shape, said(lie), "data", IProofCourt.WrongStatus.selector);
    }

    function test_postCalldata_ofNothingOrMoreThanABlobHolds_isRefused() external {
        refusesPost(asked, shape, said(output), "", IProofCourt.DataSize.selector);
        refusesPost(asked, shape, said(output), new bytes(BlobData.BYTES + 1), IProofCourt.DataSize.selector);
        post(output, new bytes(BlobData.BYTES));
    }

    function test_postCalldata_ofARelationThatIsNotAdmitted_isRefused() external {
        Posted memory p = said(output);
        p.relation = keccak256("relation");
        refusesPost(asked, shape, p, "data", IProofCourt.NotAdmitted.selector);
        Shape memory other = shape;
        ++other.weightRows;
        refusesPost(asked, other, said(output), "data", IProofCourt.NotAdmitted.selector);
    }

    function test_postCalldata_ofAnotherModelInputOrOutputsForm_isRefused() external {
        for (uint256 i = 0; i < head.length; i += 13) {
            Posted memory p = said(output);
            p.head[i] ^= 0x01;
            refusesPost(asked, shape, p, "data", IProofCourt.WrongModel.selector);
        }
        refusesPost(asked, shape, said(abi.encode(output)), "data", IProofCourt.WrongModel.selector);
        bytes memory trailing = output;
        trailing[31] = 0x01;
        refusesPost(asked, shape, said(trailing), "data", IProofCourt.WrongModel.selector);
        Posted memory short = said(output);
        short.head = head.cut(0, 207);
        refusesPost(asked, shape, short, "data", BadEvidence.selector);
    }

    /// @dev The model's publisher chooses the parameters. Whoever wants a false proof paid chooses them so that no
    /// transaction can replay a step: thousands of queries take more gas to sort than there is.
    function test_postCalldata_withMoreQueriesThanCanBeJudged_isRefused() external {
        uint256[4] memory places = [uint256(2), 5, 8, 11];
        for (uint256 i = 0; i < 4; ++i) {
            (Order memory order, Posted memory p) = withParameter(places[i], 257);
            // the witness's and the hub's need a domain that is large enough, or they prove nothing
            if (i == 0) (order, p) = withParameters(places[i], 257, 1, 14);
            if (i == 1) (order, p) = withParameters(places[i], 257, 4, 15);
            if (i == 3) (order, p) = withParameters(places[i], 257, 10, 14);
            refusesPost(order, shape, p, "data", IProofCourt.TooLarge.selector);
        }
        (Order memory tailed, Posted memory q) = withParameters(6, 1 << 20, 7, 26);
        refusesPost(tailed, shape, q, "data", IProofCourt.TooLarge.selector);
    }

    function test_postCalldata_withParametersThatProveNothing_isRefused() external {
        uint256[6] memory places = [uint256(2), 5, 8, 9, 11, 12];
        for (uint256 i = 0; i < 6; ++i) {
            (Order memory order, Posted memory p) = withParameter(places[i], 1);
            refusesPost(order, shape, p, "data", Soundness.BadParameters.selector);
        }
    }

    // -- evidence ----------------------------------------------------------------------------------------------------

    function test_verify_withoutAProof_asksForAClaimThatStoodForTheWindow() external {
        assertTrue(!proofs.verify(id, asked, output, ""), "no claim");
        post(output, "data");
        uint256 posted = block.timestamp;
        assertTrue(!proofs.verify(id, asked, output, ""), "just posted");
        vm.warp(posted + asked.window - 1);
        assertTrue(!proofs.verify(id, asked, output, ""), "a second before");
        vm.warp(posted + asked.window);
        assertTrue(proofs.verify(id, asked, output, ""), "stood");
        assertTrue(!proofs.verify(id, asked, lie, ""), "another output");
        asked.salt = 0;
        assertTrue(!proofs.verify(keccak256("other"), asked, output, ""), "another order");
    }

    function test_verify_ofAWholeProof_needsNoClaimAndNoWindow() external {
        bytes memory whole = evidenceOf(file("true.bin"));
        assertTrue(proofs.verify(id, asked, output, whole), "whole proof");
        vm.snapshotGasLastCall(GROUP, "verify a whole proof");
        assertTrue(!proofs.verify(id, asked, lie, whole), "of another output");
        assertTrue(!proofs.verify(id, asked, lie, evidenceOf(file("false.bin"))), "a false one");
        whole[whole.length - 1] ^= 0x01;
        assertTrue(!proofs.verify(id, asked, output, whole), "changed");
        vm.warp(block.timestamp + asked.window);
        assertTrue(!proofs.verify(id, asked, output, whole), "later");
    }

    function test_market_ofAProvenOrder_takesNoResultWithoutItsClaim() external {
        vm.startPrank(provider);
        vm.expectRevert(IClaims.NotClaimed.selector);
        market.submit(asked, 0, output);
        vm.stopPrank();
        post(lie, file("false.bin"));
        vm.startPrank(provider);
        vm.expectRevert(IClaims.NotClaimed.selector);
        market.submit(asked, 0, output);
        vm.expectRevert(IClaims.NotClaimed.selector);
        market.submit(asked, keccak256("trace root"), lie);
        market.submit(asked, 0, lie);
        vm.stopPrank();
    }

    function test_market_afterTheClaimsWindow_paysForAnEmptyProof() external {
        post(output, file("true.bin"));
        vm.prank(provider);
        market.submit(asked, 0, output);
        vm.warp(block.timestamp + asked.window);
        market.prove(asked, VALIDITY, output, 0, "");
        vm.snapshotGasLastCall(GROUP, "collect with an empty proof");
        assertStatus(asked, OrderStatus.PAID);
        assertEq(free(provider), FORTUNE + PRICE, "price");
    }

    // -- refutation --------------------------------------------------------------------------------------------------

    function test_refuteStep_ofATrueClaim_findsNoFraudInAnyKind() external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        for (uint256 step = 0; step < STEPS; ++step) {
            assertJudged(judge(p, data, Step(step), 0), IProofCourt.NoFraud.selector, vm.toString(step));
        }
        assertStatus(asked, OrderStatus.FUNDED);
    }

    function test_refuteStep_whereItsOwnBytesChanged_convictsByEveryKind() external {
        bytes memory spans = file("spans.bin");
        bytes memory data = file("true.bin");
        uint256 seen = 1 << uint256(Step.BALANCE);
        for (uint256 row = 0; row < spans.length / SPAN_BYTES; ++row) {
            uint256 step = uint8(span(spans, row) >> 184);
            if (seen >> step & 1 == 1) continue;
            seen |= 1 << step;
            uint256 state = vm.snapshotState();
            this.convicts(data, uint32(span(spans, row) >> 192) - 1, 0x01);
            vm.revertToState(state);
        }
        assertEq(seen, (1 << STEPS) - 1, "kinds");
    }

    /// @dev A prover who proves what is not so follows the protocol in everything, and one equation is left that fails.
    function test_refuteStep_ofAFalseProofToldTruly_convictsByTheBalanceAlone() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        for (uint256 step = 0; step < STEPS; ++step) {
            if (step == uint256(Step.BALANCE)) continue;
            assertJudged(judge(p, data, Step(step), 0), IProofCourt.NoFraud.selector, vm.toString(step));
        }
        vm.prank(provider);
        market.submit(asked, 0, lie);
        find(digestOf(id, Step.BALANCE, 0, challenger));
        vm.expectEmit(address(proofs));
        emit IProofCourt.ClaimRefuted(id, challenger, uint256(Step.BALANCE), 0);
        vm.prank(challenger);
        proofs.refuteStep(asked, p, shape, "", data.whole(), Step.BALANCE, 0, SALT);
        vm.snapshotGasLastCall(GROUP, "refute the balance");
        assertStatus(asked, OrderStatus.SLASHED);
        assertEq(free(client), FORTUNE + BOND / 4, "client");
        assertEq(free(challenger), FORTUNE + BOND / 2, "challenger");
        assertEq(free(provider) + locked(provider), FORTUNE - BOND, "provider");
    }

    function test_refuteStep_ofAStepThatDoesNotExist_isNotJudged() external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        for (uint256 step = 0; step < STEPS; ++step) {
            assertJudged(judge(p, data, Step(step), 500), IProofCourt.Unjudged.selector, vm.toString(step));
            assertJudged(judge(p, data, Step(step), 1 << 250), IProofCourt.Unjudged.selector, vm.toString(step));
        }
        Disclosed memory d = data.whole();
        bytes memory asking = abi.encodeCall(proofs.refuteStep, (asked, p, shape, "", d, Step.LENGTH, 0, SALT));
        uint256 place = 4 + 32 * (13 + 1 + 19 + 1 + 1);
        assembly ("memory-safe") {
            mstore(add(add(asking, 32), place), 18)
        }
        (bool done,) = address(proofs).call(asking);
        assertTrue(!done, "there is no step 18");
    }

    function test_refuteStep_withAnotherRelationForTheEvaluation_isNotJudged() external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        bytes memory relation = file("relation.bin");
        relation[relation.length - 1] ^= 0x01;
        find(digestOf(id, Step.EVALUATION, 0, challenger));
        Disclosed memory d = data.whole();
        vm.startPrank(challenger);
        vm.expectRevert(IProofCourt.Unjudged.selector);
        proofs.refuteStep(asked, p, shape, relation, d, Step.EVALUATION, 0, SALT);
        Shape memory other = shape;
        ++other.inputCount;
        vm.expectRevert(IProofCourt.NotAdmitted.selector);
        proofs.refuteStep(asked, p, other, relation, d, Step.EVALUATION, 0, SALT);
    }

    function test_refuteStep_ofAnotherClaim_isRefused() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        Posted memory other = p;
        other.length = 8;
        assertJudged(judge(other, data, Step.LENGTH, 0), IProofCourt.NoClaim.selector, "length");
        other = said(output);
        assertJudged(judge(other, data, Step.LENGTH, 0), IProofCourt.NoClaim.selector, "output");
        Posted memory rooted = post(output, file("true.bin"));
        rooted.root = keccak256("root");
        assertJudged(judge(rooted, data, Step.BALANCE, 0), IProofCourt.NoClaim.selector, "root");
    }

    // -- finds -------------------------------------------------------------------------------------------------------

    function test_commitFind_again_keepsTheFirstBlock() external {
        find("digest");
        uint256 first = proofs.find("digest");
        assertEq(first, block.number - 1, "block");
        find("digest");
        assertEq(proofs.find("digest"), first, "first");
    }

    function test_refuteStep_withAFindOfThisBlock_isRefused() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        vm.startPrank(challenger);
        proofs.commitFind(digestOf(id, Step.BALANCE, 0, challenger));
        vm.stopPrank();
        assertFindRefused(p, data);
        vm.roll(block.number + 1);
        assertJudged(refute(p, data.whole(), Step.BALANCE, 0, gasleft()), CONVICTED, "a block later");
    }

    function test_refuteStep_withAFindOfAnotherSenderOrderStepIndexOrSalt_isRefused() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        find(digestOf(id, Step.BALANCE, 0, stranger));
        assertFindRefused(p, data);
        find(digestOf(keccak256("other"), Step.BALANCE, 0, challenger));
        assertFindRefused(p, data);
        find(digestOf(id, Step.JOINT, 0, challenger));
        assertFindRefused(p, data);
        find(digestOf(id, Step.BALANCE, 1, challenger));
        assertFindRefused(p, data);
        find(keccak256(abi.encode(id, uint256(Step.BALANCE), 0, challenger, bytes32(0))));
        assertFindRefused(p, data);
    }

    function test_refuteStep_withAFindThatServed_isRefused() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        post(output, "nothing");
        assertJudged(judge(p, data, Step.BALANCE, 0), CONVICTED, "convicted");
        assertEq(proofs.find(digestOf(id, Step.BALANCE, 0, challenger)), 0, "served");
        assertJudged(judge(p, data, Step.BALANCE, 0), IProofCourt.WrongStatus.selector, "slashed once");
        Posted memory other = said(output);
        (other.root, other.length) = (keccak256(abi.encodePacked(bytes("nothing").chunks())), 7);
        assertJudged(judge(other, "nothing", Step.LENGTH, 0), IProofCourt.WrongStatus.selector, "nor by the other");
    }

    function test_refuteStep_afterPayment_isRefused() external {
        bytes memory data = file("false.bin");
        Posted memory p = post(lie, data);
        vm.warp(block.timestamp + asked.window);
        uint256 state = vm.snapshotState();
        assertJudged(judge(p, data, Step.BALANCE, 0), CONVICTED, "after the window, unpaid");
        vm.revertToState(state);
        market.prove(asked, VALIDITY, lie, 0, "");
        assertJudged(judge(p, data, Step.BALANCE, 0), IProofCourt.WrongStatus.selector, "paid");
    }

    // -- blobs -------------------------------------------------------------------------------------------------------

    function test_postBlob_withoutABlob_isRefused() external {
        Posted memory p = said(output);
        vm.prank(provider);
        vm.expectRevert(IProofCourt.BadBlob.selector);
        proofs.postBlob(asked, shape, p, 0);
    }

    function test_refuteRoot_ofDataInCallData_isRefused() external {
        Posted memory p = post(lie, file("false.bin"));
        assertJudged(refuteRoot(p, new bytes(131_072)), IProofCourt.BadBlob.selector, "no blob");
    }

    /// @dev The precompile is asked in `test_zk_court_blobs`; here it says what the test wants.
    function test_refuteRoot_ofABlobThatHoldsTheData_findsNoFraudAndOfAnyOtherConvicts() external {
        bytes memory data = file("true.bin");
        bytes memory words = words_(data);
        Posted memory p = postBlob(output, data, data.length);
        assertJudged(refuteRoot(p, words), IProofCourt.BadBlob.selector, "the precompile says no");
        vm.mockCall(address(0x0A), "", "");
        assertJudged(refuteRoot(p, words), IProofCourt.NoFraud.selector, "right data");
        assertJudged(refuteRoot(p, new bytes(32)), IProofCourt.BadBlob.selector, "short");
        assertJudged(refuteUpper(p, words), IProofCourt.HalfNotShown.selector, "another half");
        words[0] = 0xff;
        assertJudged(refuteRoot(p, words), IProofCourt.BadBlob.selector, "no number of the field");
        words[0] = 0x01;
        uint256 state = vm.snapshotState();
        assertJudged(refuteRoot(p, words), CONVICTED, "no 31 bytes");
        vm.revertToState(state);
        words[0] = 0x00;
        words[1] ^= 0x01;
        assertJudged(refuteRoot(p, words), CONVICTED, "other data");
        vm.snapshotGasLastCall(GROUP, "refute the root of a blob");
        assertStatus(asked, OrderStatus.SLASHED);
    }

    function test_refuteStep_ofABlobsClaim_readsWhatTheRootOpens() external {
        bytes memory data = file("false.bin");
        Posted memory p = postBlob(lie, data, data.length);
        assertJudged(judge(p, data, Step.JOINT, 0), IProofCourt.NoFraud.selector, "true step");
        assertJudged(judge(p, data, Step.BALANCE, 0), CONVICTED, "false step");
    }

    // -- any input ---------------------------------------------------------------------------------------------------

    function testFuzz_data_withAnyByteChanged_isConvictedByTheStepThatReadsIt(uint256 place, uint8 bits) external {
        bytes memory data = file("true.bin");
        convicts(data, place % data.length, bits == 0 ? 1 : bits);
    }

    /// forge-config: default.fuzz.runs = 128
    function testFuzz_trueClaim_replayedAnywhere_isNeverConvicted(uint256 place, uint256 index, bool wild) external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        (Step step, uint256 there) = reader(place % data.length);
        bytes4 found = judge(p, data, step, wild ? index : there);
        bytes4 expected = wild && index > 200 ? IProofCourt.Unjudged.selector : IProofCourt.NoFraud.selector;
        if (!wild || index > 200) assertJudged(found, expected, "judgement");
        assertTrue(found != CONVICTED, "convicted");
    }

    /// @dev Chunks in any order, some repeated, some missing: what a step does not find says nothing.
    /// forge-config: default.fuzz.runs = 128
    function testFuzz_trueClaim_disclosedInAnyPieces_isNeverConvicted(uint256 seed, uint8 count) external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        Disclosed memory d = pieces(data, seed, count % 12);
        (Step step, uint256 index) = reader(seed % data.length);
        bytes4 found = show(p, d, step, index);
        bool silent = found == IProofCourt.NoFraud.selector || found == IProofCourt.Unjudged.selector;
        assertTrue(silent, "judgement");
    }

    /// forge-config: default.fuzz.runs = 128
    function testFuzz_disclosure_thatIsNotWhatWasPosted_opensNothing(uint256 seed, uint8 how) external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        Disclosed memory d = pieces(data, seed, 3);
        if (how % 6 == 0) d.pieces[seed % 3][seed % 1000] ^= 0x01;
        if (how % 6 == 1) d.first[seed % 3] = d.chunks.length + seed % 1000;
        if (how % 6 == 2) d.chunks[seed % d.chunks.length] = bytes32(seed);
        if (how % 6 == 3) d.first = new uint256[](2);
        if (how % 6 == 4) d.pieces[seed % 3] = d.pieces[seed % 3].cut(0, 1023);
        if (how % 6 == 5) d.first[0] = d.first[0] == 0 ? 1 : d.first[0] - 1;
        assertJudged(show(p, d, Step.LENGTH, 0), IProofCourt.BadOpening.selector, "opening");
    }

    /// @dev Of starvation nobody is guilty: the step, the precompiles and the evaluator may all run dry.
    /// forge-config: default.fuzz.runs = 128
    function testFuzz_trueClaim_refutedWithAnyGas_isNeverConvicted(uint256 place, uint256 gas_) external {
        bytes memory data = file("true.bin");
        Posted memory p = post(output, data);
        (Step step, uint256 index) = reader(place % data.length);
        find(digestOf(id, step, index, challenger));
        bytes4 found = refute(p, data.whole(), step, index, bound(gas_, 150_000, 3_000_000));
        assertTrue(found != CONVICTED, "convicted");
        assertStatus(asked, OrderStatus.FUNDED);
    }

    /// forge-config: default.fuzz.runs = 128
    function testFuzz_data_ofAnyLength_isRefusedOrConvictedByItsLength(uint256 length, bool near) external {
        bytes memory true_ = file("true.bin");
        length = near ? bound(length, true_.length - 40, true_.length + 40) : length % 150_000;
        bytes memory data = new bytes(length);
        for (uint256 i = 0; i < length && i < true_.length; i += 32) {
            assembly ("memory-safe") {
                mcopy(add(add(data, 32), i), add(add(true_, 32), i), 32)
            }
        }
        if (length == 0 || length > BlobData.BYTES) {
            refusesPost(asked, shape, said(output), data, IProofCourt.DataSize.selector);
            return;
        }
        Posted memory p = post(output, data);
        bytes4 expected = length == true_.length ? IProofCourt.NoFraud.selector : CONVICTED;
        assertJudged(judge(p, data, Step.LENGTH, 0), expected, "length");
    }

    // -- how it is done ----------------------------------------------------------------------------------------------

    /// @dev External, so that its memory goes with it.
    function convicts(bytes memory data, uint256 place, uint8 bits) public {
        data[place] ^= bytes1(bits);
        (Step step, uint256 index) = reader(place);
        Posted memory p = post(output, data);
        assertJudged(judge(p, data, step, index), CONVICTED, vm.toString(uint256(step)));
        assertStatus(asked, OrderStatus.SLASHED);
        assertLe(vm.lastCallGas().gasTotalUsed, CAP, "a transaction's gas");
    }

    function refusesPost(Order memory order, Shape memory s, Posted memory p, bytes memory data, bytes4 name) private {
        vm.prank(provider);
        vm.expectRevert(name);
        proofs.postCalldata(order, s, p, data);
    }

    function assertFindRefused(Posted memory p, bytes memory data) private {
        bytes4 found = refute(p, data.whole(), Step.BALANCE, 0, gasleft());
        assertJudged(found, IProofCourt.FindNotCommitted.selector, "find");
    }

    function withParameter(uint256 place, uint32 value) private returns (Order memory, Posted memory) {
        return withParameters(place, value, place, value);
    }

    /// @dev A funded order for a model whose publisher chose other parameters.
    function withParameters(uint256 place, uint32 value, uint256 other, uint32 second)
        private
        returns (Order memory order, Posted memory p)
    {
        (order, p) = (asked, said(output));
        put(p.head, place, value);
        put(p.head, other, second);
        bytes32 code = keccak256(p.head.cut(64, 120));
        bytes32 weights = bytes32(p.head.cut(120, 152));
        bytes32 dimensions = bytes32(p.head.cut(32, 64));
        order.model = keccak256(abi.encode(p.relation, weights, dimensions, code, bytes32(p.head.cut(0, 32))));
        accept(order);
    }

    function put(bytes memory head_, uint256 place, uint32 value) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            head_[68 + 4 * place + i] = bytes1(uint8(value >> (24 - 8 * i)));
        }
    }

    function pieces(bytes memory data, uint256 seed, uint256 count) private pure returns (Disclosed memory d) {
        d.chunks = data.chunks();
        (d.first, d.pieces) = (new uint256[](count), new bytes[](count));
        for (uint256 i = 0; i < count; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 from = random % (d.chunks.length - 1);
            uint256 to = from + 1 + (random >> 128) % (d.chunks.length - 1 - from);
            d.first[i] = from;
            d.pieces[i] = data.cut(1024 * from, 1024 * to);
        }
    }

    // -- blobs -------------------------------------------------------------------------------------------------------

    function postBlob(bytes memory output_, bytes memory data, uint256 length) private returns (Posted memory p) {
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = bytes32(uint256(1) << 248 | 7);
        vm.blobhashes(hashes);
        p = said(output_);
        (p.root, p.length) = (keccak256(abi.encodePacked(data.chunks())), length);
        vm.prank(provider);
        proofs.postBlob(asked, shape, p, 0);
        vm.snapshotGasLastCall(GROUP, "claim in a blob");
        p.blob = hashes[0];
    }

    /// @dev Coefficients: 31 bytes in each word.
    function words_(bytes memory data) private pure returns (bytes memory words) {
        words = new bytes(131_072);
        uint256 count = (data.length + 30) / 31;
        for (uint256 i = 0; i < count; ++i) {
            assembly ("memory-safe") {
                mstore(add(add(words, 32), mul(32, i)), shr(8, mload(add(add(data, 32), mul(31, i)))))
            }
        }
    }

    /// @dev Shows the lower half, then the upper one.
    function refuteRoot(Posted memory p, bytes memory words) private returns (bytes4) {
        uint256 middle = words.length / 2;
        (bytes memory low, bytes memory high) = (words.cut(0, middle), words.cut(middle, words.length));
        try proofs.showHalf(p.blob, low, keccak256(high), p.length) {
            vm.snapshotGasLastCall(GROUP, "show half of a blob");
        } catch (bytes memory reason) {
            return bytes4(reason);
        }
        return refuteUpper(p, low, high, half(p, low, high));
    }

    /// @dev Says of the lower half what is true of another.
    function refuteUpper(Posted memory p, bytes memory words) private returns (bytes4) {
        uint256 middle = words.length / 2;
        (bytes memory low, bytes memory high) = (words.cut(0, middle), words.cut(middle, words.length));
        BlobHalf memory other = half(p, low, high);
        other.value ^= 1;
        return refuteUpper(p, low, high, other);
    }

    function refuteUpper(Posted memory p, bytes memory low, bytes memory high, BlobHalf memory found)
        private
        returns (bytes4)
    {
        find(keccak256(abi.encode(id, 255, 0, challenger, SALT)));
        vm.prank(challenger);
        // a precompile that says no takes all the gas it gets
        try proofs.refuteRoot{gas: 1 << 24}(asked, p, keccak256(low), found, high, new bytes(48), new bytes(48), SALT) {
            return CONVICTED;
        } catch (bytes memory reason) {
            return bytes4(reason);
        }
    }

    /// @dev What the lower half is, found a second time: powers instead of Horner's rule.
    function half(Posted memory p, bytes memory low, bytes memory high) private pure returns (BlobHalf memory found) {
        uint256 order = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
        uint256 z = uint256(keccak256(abi.encode(p.blob, keccak256(low), keccak256(high)))) % order;
        uint256 power = 1;
        bytes memory data = new bytes(low.length / 32 * 31);
        found.readable = true;
        for (uint256 i = 0; i < low.length / 32; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(low, 32), mul(32, i)))
            }
            found.value = addmod(found.value, mulmod(word, power, order), order);
            power = mulmod(power, z, order);
            if (word >> 248 != 0) found.readable = false;
            for (uint256 k = 0; k < 31; ++k) {
                data[31 * i + k] = low[32 * i + 1 + k];
            }
        }
        found.chunks = (p.length < data.length ? data.cut(0, p.length) : data).chunks();
    }
}

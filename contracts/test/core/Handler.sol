// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Court} from "../../src/court/Court.sol";
import {Market} from "../../src/market/Market.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {
    Dispute,
    ElementProof,
    ModelCommitment,
    Order,
    OrderStatus,
    ResultHeader,
    Turn
} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Test} from "../Vm.sol";
import {Execution, Trees} from "./Execution.sol";

/// @dev Does random things with a few people, each of whom can be client, provider and challenger at once, and watches
/// after every step what must never happen. What it sees is in `broken`.
contract Handler is Test {
    using Trees for Trees.Tree;

    /// @dev One of the two executions that are delivered, with all that a dispute needs of it.
    struct Known {
        bytes32 root;
        bytes output;
        bytes32[] topRow;
        bytes32[] bottomRow;
        bytes32 word;
        bytes proof;
    }

    uint256 public constant PEOPLE = 5;
    uint256 private constant DEPTH = 6;
    uint256 private constant FIRST_KEY = 0x1000;
    uint32 private constant WRONG_ELEMENT = 1;
    address private constant BURN = 0x000000000000000000000000000000000000dEaD;

    Vault private immutable VAULT;
    Market private immutable MARKET;
    Court private immutable COURT;
    DevToken private immutable TOKEN;

    /// First rule that was broken; empty if none was.
    string public broken;
    /// How often each kind of step went through.
    mapping(string step => uint256) public done;

    address[] private _people;
    Order[] private _orders;
    bytes32[] private _ids;
    uint256 private _salts;
    mapping(bytes32 orderId => bool) private _lied;
    mapping(bytes32 orderId => bytes32) private _terminal;
    uint256[] private _freeBefore;
    uint256 private _burnedBefore;
    ModelCommitment private _model;
    bytes32 private _input;
    Known private _honest;
    Known private _cheat;

    constructor(Vault vault, Market market, Court court, DevToken token) {
        (VAULT, MARKET, COURT, TOKEN) = (vault, market, court, token);
        Execution.Model memory model = Execution.model(DEPTH);
        Execution.Run memory honest = Execution.run(model, 0, false);
        Execution.Run memory cheat = Execution.run(model, 1, false);
        _model = model.commitment;
        _input = honest.input.root();
        _honest = _know(model, honest);
        _cheat = _know(model, cheat);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _people.push(vm.addr(FIRST_KEY + i));
            token.mint(person(i), 1e12);
            vm.startPrank(person(i));
            token.approve(address(vault), type(uint256).max);
            vault.deposit(5e11);
            vm.stopPrank();
        }
    }

    // -- money -------------------------------------------------------------------------------------------------------

    function deposit(uint256 who, uint256 amount) external {
        _step("deposit", person(who), address(VAULT), abi.encodeCall(VAULT.deposit, (bound(amount, 1, 1e9))));
    }

    function withdraw(uint256 who, uint256 amount, uint256 to) external {
        bytes memory data = abi.encodeCall(VAULT.withdraw, (bound(amount, 1, 1e11), person(to)));
        _step("withdraw", person(who), address(VAULT), data);
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    function accept(uint256 client, uint256 provider, uint96 price, uint96 bond, bool credit) external {
        Order memory it = _newOrder(client, provider, price, bond);
        bytes memory data = abi.encodeCall(MARKET.accept, (it, credit ? 1 : 0, _funding(it, credit)));
        _offer("accept", it, credit, data);
    }

    function acceptAndSubmit(uint256 client, uint256 provider, uint96 price, uint96 bond, bool credit, bool lie)
        external
    {
        Order memory it = _newOrder(client, provider, price, bond);
        Known storage known = lie ? _cheat : _honest;
        bytes memory funding = _funding(it, credit);
        bytes memory data =
            abi.encodeCall(MARKET.acceptAndSubmit, (it, credit ? 1 : 0, funding, known.root, known.output));
        _lied[MARKET.orderId(it)] = lie;
        _offer("acceptAndSubmit", it, credit, data);
    }

    function acceptAndProve(uint256 client, uint256 provider, uint96 price, uint96 bond, bool credit) external {
        Order memory it = _newOrder(client, provider, price, bond);
        bytes memory output = _honest.output;
        bytes memory funding = _funding(it, credit);
        bytes memory data = abi.encodeCall(MARKET.acceptAndProve, (it, credit ? 1 : 0, funding, 0, output, output));
        _offer("acceptAndProve", it, credit, data);
    }

    function submit(uint256 which, bool lie) external {
        (bytes32 id, Order memory it) = _find(which, OrderStatus.FUNDED);
        Known storage known = lie ? _cheat : _honest;
        bytes memory data = abi.encodeCall(MARKET.submit, (it, known.root, known.output));
        if (_step("submit", it.provider, address(MARKET), data)) _lied[id] = lie;
    }

    function prove(uint256 which, uint256 who, bool accepted) external {
        (bytes32 id, Order memory it) = _find(which, OrderStatus.DELIVERED);
        Known storage known = _delivered(id);
        bytes memory proof = accepted ? known.output : bytes("no");
        bytes memory data = abi.encodeCall(MARKET.prove, (it, 0, known.output, known.root, proof));
        _step("prove", person(who), address(MARKET), data);
    }

    function release(uint256 which, uint256 who) external {
        (, Order memory it) = _find(which, OrderStatus.DELIVERED);
        address sender = who % 2 == 0 ? it.client : person(who);
        if (_step("release", sender, address(MARKET), abi.encodeCall(MARKET.release, (it, "")))) {
            if (sender != it.client) _break("released by somebody else", "release");
        }
    }

    function finalize(uint256 which, uint256 who) external {
        (, Order memory it) = _find(which, OrderStatus.DELIVERED);
        _step("finalize", person(who), address(MARKET), abi.encodeCall(MARKET.finalize, (it)));
    }

    function expire(uint256 which, uint256 who) external {
        (, Order memory it) = _find(which, OrderStatus.FUNDED);
        _step("expire", person(who), address(MARKET), abi.encodeCall(MARKET.expire, (it)));
    }

    function cancel(uint256 which, bool delivered) external {
        (bytes32 id, Order memory it) = _find(which, delivered ? OrderStatus.DELIVERED : OrderStatus.FUNDED);
        bytes memory signature = _sign(it.provider, _cancelDigest(id));
        _step("cancel", it.client, address(MARKET), abi.encodeCall(MARKET.cancel, (it, "", signature)));
    }

    // -- disputes ----------------------------------------------------------------------------------------------------

    function openDispute(uint256 which, uint256 who) external {
        (bytes32 id, Order memory it) = _find(which, OrderStatus.DELIVERED);
        bytes memory data = abi.encodeCall(COURT.openDispute, (it, _header(_delivered(id)), _model));
        _step("openDispute", person(who), address(COURT), data);
    }

    /// @dev The next move of whoever is to move, honest about what was delivered.
    function move(uint256 which, uint256 who) external {
        (bytes32 id, Order memory it, address challenger) = _findDispute(which, who);
        Dispute memory dispute = COURT.dispute(id, challenger);
        Known storage known = _delivered(id);
        bytes32[] memory row = dispute.height == DEPTH ? known.topRow : known.bottomRow;
        if (dispute.turn == Turn.CHALLENGER_PICKS) {
            uint256 index = dispute.height == DEPTH ? Execution.RESULT_LEAF >> 2 : Execution.RESULT_LEAF & 3;
            _step("pick", challenger, address(COURT), abi.encodeCall(COURT.pick, (it, row, index)));
        } else if (dispute.turn == Turn.PROVIDER && dispute.height > 0) {
            _step("reveal", it.provider, address(COURT), abi.encodeCall(COURT.reveal, (it, challenger, row)));
        } else if (dispute.turn == Turn.PROVIDER) {
            bytes memory data = abi.encodeCall(COURT.revealLeaf, (it, challenger, known.word));
            _step("revealLeaf", it.provider, address(COURT), data);
        }
    }

    function timeOut(uint256 which, uint256 who) external {
        (bytes32 id, Order memory it, address challenger) = _findDispute(which, who);
        bool slashes = COURT.dispute(id, challenger).turn == Turn.PROVIDER;
        uint256 burned = _free(BURN);
        bytes memory data = abi.encodeCall(COURT.timeOut, (it, challenger));
        if (_step("timeOut", person(who), address(COURT), data) && slashes) _checkSlash(it, burned);
    }

    function closeDispute(uint256 which, uint256 who) external {
        (, Order memory it, address challenger) = _findDispute(which, who);
        _step("closeDispute", person(who), address(COURT), abi.encodeCall(COURT.closeDispute, (it, challenger)));
    }

    function proveFraud(uint256 which, uint256 who, bool committed) external {
        (bytes32 id, Order memory it) = _find(which, OrderStatus.DELIVERED);
        uint256 tile = (uint256(1) << 32) | WRONG_ELEMENT;
        bytes32 digest = keccak256(abi.encode(id, tile, person(who), bytes32(_salts)));
        if (committed) _step("commitFind", person(who), address(COURT), abi.encodeCall(COURT.commitFind, (digest)));
        vm.roll(block.number + 1);
        Known storage known = _delivered(id);
        ElementProof memory proof = abi.decode(known.proof, (ElementProof));
        uint256 burned = _free(BURN);
        bytes memory data = abi.encodeCall(COURT.proveElement, (it, _header(known), _model, proof, bytes32(_salts)));
        if (_step("proveFraud", person(who), address(COURT), data)) {
            _checkSlash(it, burned);
            if (!_lied[id] || !committed) _break("slashed an honest order, or without commitment", "proveFraud");
        }
    }

    // -- time --------------------------------------------------------------------------------------------------------

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 3000));
        vm.roll(block.number + 1);
    }

    // -- what is there -----------------------------------------------------------------------------------------------

    function person(uint256 who) public view returns (address) {
        return _people[who % PEOPLE];
    }

    function order(uint256 which) external view returns (Order memory) {
        return _orders[which];
    }

    function orderCount() external view returns (uint256) {
        return _orders.length;
    }

    // -- steps under watch -------------------------------------------------------------------------------------------

    /// @dev Sends one transaction, and compares everybody's money before and after.
    function _step(string memory step, address sender, address target, bytes memory data) private returns (bool ok) {
        return _step(step, sender, address(0), target, data);
    }

    /// @param mayPay Who signed that his free balance be charged.
    function _step(string memory step, address sender, address mayPay, address target, bytes memory data)
        private
        returns (bool ok)
    {
        delete _freeBefore;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _freeBefore.push(_free(person(i)));
        }
        _burnedBefore = _free(BURN);
        vm.prank(sender);
        (ok,) = target.call(data);
        if (!ok) return false;
        ++done[step];
        _compare(step, sender, mayPay);
    }

    function _offer(string memory step, Order memory it, bool credit, bytes memory data) private {
        bool ok = _step(step, it.provider, credit ? it.client : address(0), address(MARKET), data);
        if (!ok) return;
        _orders.push(it);
        _ids.push(MARKET.orderId(it));
    }

    function _compare(string memory step, address sender, address mayPay) private {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            bool less = _free(person(i)) < _freeBefore[i];
            if (less && person(i) != sender && person(i) != mayPay) _break("took somebody's free balance", step);
        }
        if (_free(BURN) < _burnedBefore) _break("burned money came back", step);
        for (uint256 i = 0; i < _ids.length; ++i) {
            bytes32 slot = MARKET.state(_ids[i]);
            if (_terminal[_ids[i]] != 0 && slot != _terminal[_ids[i]]) _break("a terminal state changed", step);
            if (uint256(slot) >> 253 >= uint256(OrderStatus.PAID)) _terminal[_ids[i]] = slot;
        }
    }

    /// @dev Whoever is who, a quarter of the bond is gone for all of them together.
    function _checkSlash(Order memory it, uint256 burnedBefore) private {
        if (_free(BURN) - burnedBefore < (uint256(it.bond) + 3) / 4) _break("a slash burned too little", "slash");
    }

    function _break(string memory rule, string memory step) private {
        if (bytes(broken).length == 0) broken = string.concat(rule, " in ", step);
    }

    // -- finding things to do ----------------------------------------------------------------------------------------

    /// @dev Some order in that status; one that nobody knows if there is none, and then every step is refused.
    function _find(uint256 which, OrderStatus status) private view returns (bytes32 id, Order memory it) {
        for (uint256 i = 0; i < _ids.length; ++i) {
            uint256 at = (which % _ids.length + i) % _ids.length;
            if (uint256(MARKET.state(_ids[at])) >> 253 == uint256(status)) return (_ids[at], _orders[at]);
        }
    }

    function _findDispute(uint256 which, uint256 who)
        private
        view
        returns (bytes32 id, Order memory it, address challenger)
    {
        challenger = person(who);
        for (uint256 i = 0; i < _ids.length; ++i) {
            uint256 at = (which % _ids.length + i) % _ids.length;
            for (uint256 j = 0; j < PEOPLE; ++j) {
                bool there = COURT.dispute(_ids[at], person(who % PEOPLE + j)).turn != Turn.NONE;
                if (there) return (_ids[at], _orders[at], person(who % PEOPLE + j));
            }
        }
    }

    function _delivered(bytes32 id) private view returns (Known storage) {
        return _lied[id] ? _cheat : _honest;
    }

    function _header(Known storage known) private view returns (ResultHeader memory) {
        return ResultHeader({traceRoot: known.root, outputHash: keccak256(known.output)});
    }

    function _know(Execution.Model memory model, Execution.Run memory run) private pure returns (Known memory) {
        return Known({
            root: run.trace.root(),
            output: Execution.outputOf(run),
            topRow: run.trace.row(DEPTH, 0),
            bottomRow: run.trace.row(2, Execution.RESULT_LEAF >> 2),
            word: run.words[Execution.RESULT_LEAF],
            proof: abi.encode(Execution.resultProof(model, run, WRONG_ELEMENT))
        });
    }

    // -- making orders -----------------------------------------------------------------------------------------------

    function _newOrder(uint256 client, uint256 provider, uint96 price, uint96 bond) private returns (Order memory) {
        return Order({
            client: person(client),
            provider: person(provider),
            price: uint96(bound(price, 1, 1e9)),
            bond: uint96(bound(bond, 0, 4e9)),
            acceptBy: uint40(block.timestamp + 10),
            deliverBy: uint40(block.timestamp + 2000),
            window: 3000,
            model: keccak256(abi.encode(_model)),
            input: _input,
            evidence: bytes32(uint256(0x0102) << 240),
            effect: 0,
            terms: 0,
            salt: bytes32(++_salts)
        });
    }

    function _funding(Order memory it, bool credit) private view returns (bytes memory) {
        bytes32 id = MARKET.orderId(it);
        if (credit) return _sign(it.client, id);
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 structHash =
            keccak256(abi.encode(typehash, it.client, address(VAULT), it.price, 0, uint256(it.acceptBy) + 1, id));
        return _sign(it.client, keccak256(abi.encodePacked(hex"1901", TOKEN.DOMAIN_SEPARATOR(), structHash)));
    }

    function _sign(address who, bytes32 digest) private view returns (bytes memory) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            if (person(i) == who) {
                (uint8 v, bytes32 r, bytes32 s) = vm.sign(FIRST_KEY + i, digest);
                return abi.encodePacked(r, s, v);
            }
        }
        return "";
    }

    function _cancelDigest(bytes32 id) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Concordat Market"),
                keccak256("1"),
                block.chainid,
                address(MARKET)
            )
        );
        bytes32 structHash = keccak256(abi.encode(keccak256("Cancel(bytes32 order)"), id));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _free(address account) private view returns (uint256 amount) {
        (amount,) = VAULT.balance(account);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Court} from "../../src/court/Court.sol";
import {Replication} from "../../src/court/Replication.sol";
import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IClaims} from "../../src/interfaces/IClaims.sol";
import {IEvidence} from "../../src/interfaces/IEvidence.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ReplicationParameters} from "../../src/interfaces/IReplication.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Market} from "../../src/market/Market.sol";
import {DevToken} from "../../src/testing/DevToken.sol";
import {EvidenceKind, Order, OrderStatus} from "../../src/types/Types.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Test} from "../Vm.sol";

/// @dev Accepts a proof that equals the output, so that a test chooses what is accepted.
contract EchoEvidence is IEvidence, IClaims {
    function verify(bytes32, Order calldata, bytes calldata output, bytes calldata proof) external pure returns (bool) {
        return keccak256(output) == keccak256(proof);
    }

    /// @inheritdoc IClaims
    function delivering(bytes32, uint256 commitment) external pure {
        if (commitment == 0) revert NotClaimed();
    }
}

/// @dev A deployed market with funded people, and short forms of what they do.
abstract contract Base is Test {
    uint256 internal constant CLIENT_KEY = 0xC11E;
    uint256 internal constant PROVIDER_KEY = 0x9401;
    uint96 internal constant PRICE = 500_000;
    uint96 internal constant BOND = 2_000_001;
    uint256 internal constant RESPONDENT_COST = 2_000_000;
    uint256 internal constant MOVE_TIME = 3600;
    uint32 internal constant WINDOW = 7200;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant FORTUNE = 1e15;
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint8 internal constant AUTHORIZATION = 0;
    uint8 internal constant CREDIT = 1;
    uint8 internal constant NATIVE = 0;
    uint8 internal constant FRAUD_PROVABLE = 1;
    uint8 internal constant VALIDITY = 2;
    uint96 internal constant TICKET = 5_000_000;
    uint32 internal constant DRAW_DELAY = 4;
    uint32 internal constant COMMIT_TIME = 300;
    uint32 internal constant REVEAL_TIME = 300;
    uint32 internal constant UNBONDING = 8 days;
    bytes32 internal constant TRACE_ROOT = keccak256("trace root");

    address internal client = vm.addr(CLIENT_KEY);
    address internal provider = vm.addr(PROVIDER_KEY);
    address internal challenger = vm.addr(0xCA11);
    address internal stranger = vm.addr(0x57A6);
    bytes internal output = abi.encode(uint256(0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef));

    DevToken internal token;
    Vault internal vault;
    Market internal market;
    Court internal court;
    /// @dev Of the deployment made last.
    Replication internal replication;

    function setUp() public virtual {
        vm.warp(START);
        vm.roll(1000);
        token = new DevToken();
        (vault, market, court) = deploy(IERC20(address(token)));
        address[4] memory people = [client, provider, challenger, stranger];
        for (uint256 i = 0; i < people.length; ++i) {
            token.mint(people[i], 2 * FORTUNE);
            vm.startPrank(people[i]);
            token.approve(address(vault), type(uint256).max);
            vault.deposit(FORTUNE);
            vm.stopPrank();
        }
    }

    // -- deployment --------------------------------------------------------------------------------------------------

    function deploy(IERC20 settlementToken) internal returns (Vault vault_, Market market_, Court court_) {
        address[8] memory modules;
        modules[NATIVE] = address(new EchoEvidence());
        modules[VALIDITY] = address(new EchoEvidence());
        uint256 nonce = vm.getNonce(address(this));
        address marketAt = vm.computeCreateAddress(address(this), nonce + 1);
        address courtAt = vm.computeCreateAddress(address(this), nonce + 2);
        address replicationAt = vm.computeCreateAddress(address(this), nonce + 3);
        modules[uint256(EvidenceKind.REPLICATED)] = replicationAt;
        vault_ = new Vault(settlementToken, marketAt, courtAt, replicationAt);
        market_ = new Market(IVault(address(vault_)), courtAt, 25, 50, 25, modules);
        court_ = new Court(IMarket(address(market_)), IVault(address(vault_)), MOVE_TIME, RESPONDENT_COST, 10);
        replication = new Replication(
            IMarket(address(market_)), IVault(address(vault_)), ICourt(address(court_)), replicationParameters()
        );
        assertEq(address(market_), marketAt, "market's address was predicted");
        assertEq(address(court_), courtAt, "court's address was predicted");
        assertEq(address(replication), replicationAt, "replication's address was predicted");
    }

    function replicationParameters() internal pure returns (ReplicationParameters memory) {
        return ReplicationParameters({
            ticket: TICKET,
            drawDelay: DRAW_DELAY,
            commitTime: COMMIT_TIME,
            revealTime: REVEAL_TIME,
            unbonding: UNBONDING
        });
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    /// @dev Native or fraud-provable, ten minutes to accept, twenty to deliver.
    function someOrder() internal view returns (Order memory) {
        return Order({
            client: client,
            provider: provider,
            price: PRICE,
            bond: BOND,
            acceptBy: uint40(block.timestamp + 600),
            deliverBy: uint40(block.timestamp + 1200),
            window: WINDOW,
            model: keccak256("model"),
            input: keccak256("input"),
            evidence: policy(1 << NATIVE, 1 << FRAUD_PROVABLE),
            effect: 0,
            terms: 0,
            salt: keccak256("salt")
        });
    }

    function policy(uint256 first, uint256 second) internal pure returns (bytes32) {
        return bytes32((first << 248) | (second << 240));
    }

    /// @dev `r ‖ s ‖ v` of any digest.
    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The client's ERC-3009 authorisation, made from the standard's text and not from the vault's code.
    function authorization(Order memory order) internal view returns (bytes memory) {
        return signed(CLIENT_KEY, authorizationDigest(order, address(vault), market.orderId(order)));
    }

    function authorizationDigest(Order memory order, address to, bytes32 nonce) internal view returns (bytes32) {
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 structHash =
            keccak256(abi.encode(typehash, order.client, to, order.price, 0, uint256(order.acceptBy) + 1, nonce));
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash));
    }

    /// @dev Digest of `Release(bytes32 order)` or `Cancel(bytes32 order)` in the market's domain.
    function wordDigest(string memory typeName, bytes32 id) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Concordat Market"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(abi.encode(keccak256(bytes(typeName)), id))));
    }

    // -- what people do ----------------------------------------------------------------------------------------------

    function accept(Order memory order) internal {
        bytes memory signature = authorization(order);
        vm.prank(order.provider);
        market.accept(order, AUTHORIZATION, signature);
    }

    function deliver(Order memory order) internal {
        deliver(order, TRACE_ROOT);
    }

    function deliver(Order memory order, bytes32 traceRoot) internal {
        bytes memory signature = authorization(order);
        vm.prank(order.provider);
        market.acceptAndSubmit(order, AUTHORIZATION, signature, traceRoot, output);
    }

    function warpPastWindow() internal {
        vm.warp(block.timestamp + WINDOW);
    }

    // -- what is there -----------------------------------------------------------------------------------------------

    function free(address account) internal view returns (uint256 amount) {
        (amount,) = vault.balance(account);
    }

    function locked(address account) internal view returns (uint256 amount) {
        (, amount) = vault.balance(account);
    }

    function status(Order memory order) internal view returns (OrderStatus) {
        return OrderStatus(uint256(market.state(market.orderId(order))) >> 253);
    }

    function gathered(Order memory order) internal view returns (uint8) {
        return uint8(uint256(market.state(market.orderId(order))) >> 245);
    }

    function openDisputes(Order memory order) internal view returns (uint256) {
        return (uint256(market.state(market.orderId(order))) >> 232) & 8191;
    }

    function until(Order memory order) internal view returns (uint256) {
        return uint32(uint256(market.state(market.orderId(order))) >> 200);
    }

    function assertStatus(Order memory order, OrderStatus expected) internal view {
        assertEq(uint256(status(order)), uint256(expected), "status");
    }
}

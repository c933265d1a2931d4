// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IErc7007} from "../interfaces/IErc7007.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {OrderSlot} from "../types/OrderSlot.sol";
import {Order} from "../types/Types.sol";
import {SettledOrders} from "./SettledOrders.sol";

/// @title AigcVerifier
/// @notice ERC-7007 over a market's orders. A token stands for one settled order: its id is the order's, its prompt the
/// order's input commitment (32 bytes), its content the delivered output. The proof is the ABI encoding of the order and
/// of the trace root it was delivered with. `verify` is true only once the order is paid on the evidence that it asked
/// for, which nothing changes any more.
/// @dev Anybody says what a token stands for; it goes to the order's client, so there is nothing to gain by being first.
contract AigcVerifier is ERC721, IErc7007 {
    using SettledOrders for IMarket;
    using SettledOrders for OrderSlot;

    /// @notice The content is not, or not yet for good, that of the token's order.
    error NotVerified();

    uint256 private constant PROOF_BYTES = SettledOrders.ORDER_BYTES + 32;

    IMarket private immutable MARKET;

    /// @param market_ Whose orders tokens stand for.
    constructor(IMarket market_) ERC721("Concordat Decisions", "DECISION") {
        MARKET = market_;
    }

    /// @inheritdoc IErc7007
    function addAigcData(uint256 tokenId, bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
    {
        // CHECK
        (bytes32 id, address client) = _check(prompt, aigcData, proof);
        if (id == 0 || uint256(id) != tokenId) revert NotVerified();
        // EFFECT: reverts if the token exists
        _mint(client, tokenId);
        // EVENT
        emit AigcData(tokenId, prompt, aigcData, proof);
    }

    /// @inheritdoc IErc7007
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
        view
        returns (bool success)
    {
        (bytes32 id,) = _check(prompt, aigcData, proof);
        return id != 0;
    }

    /// @notice The market.
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IErc7007).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @dev Id and client of the order that shows it; zero for none.
    function _check(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        private
        view
        returns (bytes32, address)
    {
        if (proof.length != PROOF_BYTES || prompt.length != 32) return (0, address(0));
        (bool valid, Order calldata order) = SettledOrders.decode(proof);
        if (!valid || bytes32(prompt) != order.input) return (0, address(0));
        bytes32 traceRoot = bytes32(proof[SettledOrders.ORDER_BYTES:]);
        (bytes32 id, OrderSlot slot) = MARKET.read(order);
        bool shown = slot.isProven(order.evidence) && slot.isResult(id, order.provider, traceRoot, keccak256(aigcData));
        return shown ? (id, order.client) : (bytes32(0), address(0));
    }
}

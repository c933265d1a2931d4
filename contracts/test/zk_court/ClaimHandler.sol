// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Posted} from "../../src/interfaces/IProofCourt.sol";
import {Order, OrderStatus} from "../../src/types/Types.sol";
import {Step} from "../../src/zk/ProofData.sol";
import {ClaimBase} from "./ClaimBase.sol";

/// @dev Random steps of a provider, a watcher who looks before any time passes, a client and an attacker, over the order
/// that the true claim was proven for and others to which its data is a lie. What a step breaks is kept in `broken`.
contract ClaimHandler is ClaimBase {
    uint256 private constant ORDERS = 3;
    /// @dev Storage slot of the court's claims.
    uint256 private constant CLAIMS = 1;

    /// @dev A claim as the handler remembers it; the data is read again, for it is large.
    struct Standing {
        uint256 order;
        bytes32 at;
        bytes32 slot;
        bool holds;
        bool second;
        bool changed;
        uint256 place;
        Posted posted;
        Step step;
        uint256 index;
    }

    Order[] private _orders;
    Standing[] private _claims;
    bytes[2] private _outputs;
    uint256[ORDERS] public slashes;
    mapping(string what => uint256) public done;
    string public broken;

    function setUp() public override {
        super.setUp();
        _outputs = [output, lie];
        for (uint256 i = 0; i < ORDERS; ++i) {
            _orders.push(asked);
            _orders[i].salt = i == 0 ? asked.salt : keccak256(abi.encode("order", i));
            if (i != 0) accept(_orders[i]);
        }
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    /// @dev Provider: the true data, the false proof's, or the true one with a byte changed.
    function posts(uint256 which, uint256 kind, uint256 place) external {
        uint256 number = which % ORDERS;
        Order memory order = pick(number);
        Standing memory c;
        (c.order, c.second, c.place) = (number, kind & 1 == 1, place);
        c.changed = kind & 6 == 2 && !c.second && number == 0;
        c.holds = number == 0 && !c.second && !c.changed;
        c.step = number == 0 ? Step.BALANCE : Step.SUMCHECKS;
        bytes memory data = dataOf(c);
        if (c.changed) (c.step, c.index) = reader(place % data.length);
        output = _outputs[kind & 1];
        try this.postFor(order, output, data) returns (Posted memory p) {
            (c.posted, c.at) = (p, claimSlot(output));
            c.slot = vm.load(address(proofs), c.at);
            _claims.push(c);
            ++done["post"];
        } catch {}
    }

    function postFor(Order calldata order, bytes calldata output_, bytes calldata data)
        external
        returns (Posted memory)
    {
        asked = order;
        return post(output_, data);
    }

    /// @dev Attacker: posts in the provider's name.
    function postsAsAnother(uint256 which, uint256 who) external {
        Order memory order = pick(which % ORDERS);
        Posted memory p = said(_outputs[who & 1]);
        vm.prank([client, challenger, stranger][who % 3]);
        try proofs.postCalldata(order, shape, p, "data") {
            broken = "somebody else posted";
        } catch {}
    }

    /// @dev Provider.
    function submits(uint256 which, uint256 kind) external {
        Order memory order = pick(which % ORDERS);
        vm.prank(provider);
        try market.submit(order, 0, _outputs[kind & 1]) {
            ++done["submit"];
        } catch {}
    }

    /// @dev Anybody: asks for payment of an order by its claim, or by the window's end.
    function collects(uint256 which, uint256 kind) external {
        Order memory order = pick(which % ORDERS);
        vm.prank(stranger);
        if (kind & 2 == 0) {
            try market.prove(order, VALIDITY, _outputs[kind & 1], 0, "") {
                ++done["prove"];
            } catch {}
        } else {
            try market.finalize(order) {
                ++done["finalize"];
            } catch {}
        }
    }

    /// @dev Client.
    function expires(uint256 which) external {
        Order memory order = pick(which % ORDERS);
        vm.prank(client);
        try market.expire(order) {
            ++done["expire"];
        } catch {}
    }

    /// @dev Attacker: any find against any claim, of the step that reads a byte or of a wild one.
    function accuses(uint256 which, uint256 place, uint256 index) external {
        if (_claims.length == 0) return;
        Standing memory c = _claims[which % _claims.length];
        if (!c.holds) return;
        (Step step, uint256 there) = reader(place % c.posted.length);
        if (tries(c, step, index & 1 == 0 ? there : index >> 1)) broken = "a true claim was convicted";
        ++done["accuse"];
    }

    /// @dev Watcher: shows the step that fails.
    function watches(uint256 which) public {
        if (_claims.length == 0) return;
        Standing memory c = _claims[which % _claims.length];
        if (c.holds) return;
        OrderStatus before = status(pick(c.order));
        bool open = before == OrderStatus.FUNDED || before == OrderStatus.DELIVERED;
        bool convicted = tries(c, c.step, c.index);
        if (convicted) {
            ++slashes[c.order];
            ++done["convict"];
        }
        if (convicted != open) broken = open ? "a false claim was not convicted" : "an ended order was slashed";
    }

    /// @dev Time, which the watcher does not let pass before every claim was looked at.
    function waits(uint256 seconds_) external {
        for (uint256 i = 0; i < _claims.length; ++i) {
            watches(i);
        }
        vm.warp(block.timestamp + seconds_ % 500);
        vm.roll(block.number + 1);
        ++done["wait"];
    }

    // -- how it is done ----------------------------------------------------------------------------------------------

    function tries(Standing memory c, Step step, uint256 index) private returns (bool) {
        pick(c.order);
        return judge(c.posted, dataOf(c), step, index) == CONVICTED;
    }

    function dataOf(Standing memory c) private view returns (bytes memory data) {
        data = file(c.second ? "false.bin" : "true.bin");
        if (c.changed) data[c.place % data.length] ^= 0x01;
    }

    /// @dev From now on this is the order at hand.
    function pick(uint256 number) private returns (Order memory order) {
        order = _orders[number];
        asked = order;
        id = market.orderId(order);
    }

    function claimSlot(bytes memory output_) private view returns (bytes32) {
        bytes32 inner = keccak256(abi.encode(id, CLAIMS));
        return keccak256(abi.encode(commitmentOf(output_), inner));
    }

    // -- what has to hold --------------------------------------------------------------------------------------------

    function claimsUnchanged() external view returns (bool same) {
        same = true;
        for (uint256 i = 0; i < _claims.length; ++i) {
            if (vm.load(address(proofs), _claims[i].at) != _claims[i].slot || _claims[i].slot == 0) same = false;
        }
    }

    /// @dev Orders that were paid although no true claim of theirs was posted.
    function paidForLies() external view returns (uint256 count) {
        for (uint256 i = 0; i < ORDERS; ++i) {
            if (status(_orders[i]) != OrderStatus.PAID) continue;
            bool earned = false;
            for (uint256 k = 0; k < _claims.length; ++k) {
                if (_claims[k].order == i && _claims[k].holds) earned = true;
            }
            if (!earned) ++count;
        }
    }

    /// @dev Orders that were slashed although every claim of theirs is true.
    function slashedForTruth() external view returns (uint256 count) {
        for (uint256 i = 0; i < ORDERS; ++i) {
            if (status(_orders[i]) != OrderStatus.SLASHED) continue;
            bool lied = false;
            for (uint256 k = 0; k < _claims.length; ++k) {
                if (_claims[k].order == i && !_claims[k].holds) lied = true;
            }
            if (!lied) ++count;
        }
    }

    function slashedTwice() external view returns (bool twice) {
        for (uint256 i = 0; i < ORDERS; ++i) {
            if (slashes[i] > 1) twice = true;
            if ((slashes[i] == 1) != (status(_orders[i]) == OrderStatus.SLASHED)) twice = true;
        }
    }

    /// @dev Credited balances and what open orders hold, against what the vault has.
    function imbalance() external view returns (uint256 held, uint256 owed) {
        held = token.balanceOf(address(vault));
        address[5] memory people = [client, provider, challenger, stranger, BURN];
        for (uint256 i = 0; i < people.length; ++i) {
            owed += free(people[i]) + locked(people[i]);
        }
        for (uint256 i = 0; i < ORDERS; ++i) {
            OrderStatus now_ = status(_orders[i]);
            if (now_ == OrderStatus.FUNDED || now_ == OrderStatus.DELIVERED) owed += PRICE;
        }
    }
}

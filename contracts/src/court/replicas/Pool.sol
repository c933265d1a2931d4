// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReplication, Member, ReplicationParameters} from "../../interfaces/IReplication.sol";
import {IVault} from "../../interfaces/IVault.sol";
import {Tickets} from "./Tickets.sol";

/// @title Pool
/// @notice The members who can be drawn, and the draw itself: see `IReplication`.
/// @dev A place is given away again only after its member's stake was free, which is longer than any draw waits: so a
/// place means the same member in the past that a draw looks at.
abstract contract Pool is IReplication {
    using Tickets for Tickets.Tree;

    uint256 private constant MOST_TICKETS = type(uint16).max;

    IVault internal immutable VAULT;
    uint256 internal immutable TICKET;
    uint256 internal immutable UNBONDING;

    mapping(address replica => Member) private _members;
    mapping(uint256 place => address replica) private _replicas;
    uint256[] private _freePlaces;
    uint256 private _usedPlaces;
    Tickets.Tree private _tickets;

    constructor(IVault vault_, uint256 ticket, uint256 unbonding) {
        VAULT = vault_;
        TICKET = ticket;
        UNBONDING = unbonding;
    }

    /// @inheritdoc IReplication
    function join(uint256 tickets) external {
        Member memory one = _members[msg.sender];
        // CHECK
        if (one.freeAt != 0) revert Leaving();
        if (tickets == 0 || tickets > MOST_TICKETS - one.tickets) revert BadTickets();
        // EFFECT
        if (one.place == 0) one.place = uint16(_takePlace()) + 1;
        one.tickets += uint16(tickets);
        _members[msg.sender] = one;
        _replicas[one.place - 1] = msg.sender;
        _tickets.set(one.place - 1, one.tickets);
        // EVENT
        emit PoolJoined(msg.sender, tickets);
        VAULT.lock(msg.sender, tickets * TICKET);
    }

    /// @inheritdoc IReplication
    function leave() external {
        // CHECK
        if (_members[msg.sender].place == 0 || _members[msg.sender].freeAt != 0) revert NotMember();
        // EFFECT, EVENT
        _retire(msg.sender);
    }

    /// @inheritdoc IReplication
    function collect(address replica) external {
        Member memory one = _members[replica];
        // CHECK
        if (one.freeAt == 0) revert NotMember();
        if (block.timestamp < one.freeAt) revert StillBound();
        // EFFECT
        delete _members[replica];
        _freePlaces.push(one.place - 1);
        // EVENT
        emit StakeCollected(replica, one.tickets * TICKET);
        VAULT.unlock(replica, one.tickets * TICKET);
    }

    /// @inheritdoc IReplication
    function member(address replica) public view returns (Member memory) {
        return _members[replica];
    }

    /// @inheritdoc IReplication
    function totalTickets() external view returns (uint256) {
        return _tickets.total(block.number);
    }

    // -- the draw ----------------------------------------------------------------------------------------------------

    /// @dev Draws distinct members, with a probability proportional to what is left of the tickets each time, as the pool
    /// stood at the end of a block. `n` is at most 15, so the runs to skip are at most 17.
    function _draw(bytes32 seed, uint256 n, uint256 atBlock, address[2] memory excluded)
        internal
        view
        returns (address[] memory drawn)
    {
        uint256 left = _tickets.total(atBlock);
        Tickets.Run[] memory skipped = new Tickets.Run[](n + 2);
        uint256 count = 0;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 place = _members[excluded[i]].place;
            if (place == 0 || (i == 1 && excluded[1] == excluded[0])) continue;
            left -= _skip(skipped, count++, _tickets.runOf(place - 1, atBlock));
        }
        drawn = new address[](n);
        uint256 found = 0;
        for (; found < n && left > 0; ++found) {
            uint256 ticket = uint256(keccak256(abi.encode(seed, found))) % left;
            for (uint256 i = 0; i < count && ticket >= skipped[i].start; ++i) {
                ticket += skipped[i].length;
            }
            (uint256 place, Tickets.Run memory run) = _tickets.find(ticket, atBlock);
            drawn[found] = _replicas[place];
            left -= _skip(skipped, count++, run);
        }
        assembly ("memory-safe") {
            mstore(drawn, found)
        }
    }

    /// @dev Adds a run to those that are skipped, which are kept in order.
    function _skip(Tickets.Run[] memory skipped, uint256 count, Tickets.Run memory run) private pure returns (uint256) {
        uint256 at = count;
        for (; at > 0 && skipped[at - 1].start > run.start; --at) {
            skipped[at] = skipped[at - 1];
        }
        skipped[at] = run;
        return run.length;
    }

    // -- what a member loses -----------------------------------------------------------------------------------------

    /// @dev Burns one ticket of a member who has one left.
    function _fine(address replica) internal returns (uint256 fined) {
        Member storage one = _members[replica];
        if (one.tickets == 0) return 0;
        // EFFECT
        --one.tickets;
        if (one.freeAt == 0) _tickets.set(one.place - 1, one.tickets);
        if (one.freeAt == 0 && one.tickets == 0) _retire(replica);
        VAULT.forfeit(replica, replica, 0, TICKET);
        return TICKET;
    }

    /// @dev Takes all tickets of a member away, for the caller to divide.
    function _forfeitAll(address replica) internal returns (uint256 amount) {
        Member storage one = _members[replica];
        if (one.tickets == 0) revert NotMember();
        amount = one.tickets * TICKET;
        // EFFECT
        one.tickets = 0;
        if (one.freeAt == 0) _retire(replica);
    }

    function _hasTickets(address replica) internal view returns (bool) {
        return _members[replica].tickets != 0;
    }

    function _retire(address replica) private {
        Member storage one = _members[replica];
        uint40 freeAt = uint40(block.timestamp + UNBONDING);
        // EFFECT
        one.freeAt = freeAt;
        _tickets.set(one.place - 1, 0);
        // EVENT
        emit PoolLeft(replica, freeAt);
    }

    function _takePlace() private returns (uint256 place) {
        uint256 count = _freePlaces.length;
        if (count == 0) {
            if (_usedPlaces == Tickets.PLACES) revert PoolFull();
            return _usedPlaces++;
        }
        place = _freePlaces[count - 1];
        _freePlaces.pop();
    }
}

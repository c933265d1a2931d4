// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputation} from "../interfaces/IReputation.sol";

/// @title What ERC-8004 lets everybody read of feedback, and what may be done with it once it is given
/// @dev Loops over clients and their feedback are in views only; no transaction depends on them.
abstract contract FeedbackStore is IReputation {
    struct Feedback {
        int128 value;
        uint8 valueDecimals;
        bool isRevoked;
        string tag1;
        string tag2;
    }

    /// @dev Which feedback a view is about; an empty tag is any.
    struct Filter {
        bytes32 tag1;
        bytes32 tag2;
        bool includeRevoked;
    }

    /// @dev What `readAllFeedback` returns.
    struct Page {
        address[] clients;
        uint64[] indexes;
        int128[] values;
        uint8[] decimals;
        string[] tag1s;
        string[] tag2s;
        bool[] revoked;
    }

    struct Responses {
        address[] responders;
        mapping(address responder => uint64) counts;
    }

    bytes32 private constant ANY = keccak256("");
    uint256 private constant WAD_DECIMALS = 18;

    mapping(uint256 agentId => address[]) private _clients;
    mapping(uint256 agentId => mapping(address client => uint64)) private _lastIndex;
    mapping(uint256 agentId => mapping(address client => mapping(uint64 index => Feedback))) private _feedback;
    mapping(uint256 agentId => mapping(address client => mapping(uint64 index => Responses))) private _responses;

    // -- what may be done with feedback ------------------------------------------------------------------------------

    /// @inheritdoc IReputation
    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external {
        Feedback storage feedback = _find(agentId, msg.sender, feedbackIndex);
        // CHECK
        if (feedback.isRevoked) revert AlreadyRevoked();
        // EFFECT
        feedback.isRevoked = true;
        // EVENT
        emit FeedbackRevoked(agentId, msg.sender, feedbackIndex);
    }

    /// @inheritdoc IReputation
    function appendResponse(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        string calldata responseURI,
        bytes32 responseHash
    ) external {
        // CHECK
        if (bytes(responseURI).length == 0) revert EmptyURI();
        _find(agentId, clientAddress, feedbackIndex);
        // EFFECT
        Responses storage responses = _responses[agentId][clientAddress][feedbackIndex];
        if (responses.counts[msg.sender]++ == 0) responses.responders.push(msg.sender);
        // EVENT
        emit ResponseAppended(agentId, clientAddress, feedbackIndex, msg.sender, responseURI, responseHash);
    }

    // -- views -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IReputation
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals)
    {
        if (clientAddresses.length == 0) revert ClientsRequired();
        (address[] memory clients, uint64[] memory indexes) =
            _select(agentId, clientAddresses, _filter(tag1, tag2, false));
        return _average(agentId, clients, indexes);
    }

    /// @inheritdoc IReputation
    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked)
    {
        Feedback storage feedback = _find(agentId, clientAddress, feedbackIndex);
        return (feedback.value, feedback.valueDecimals, feedback.tag1, feedback.tag2, feedback.isRevoked);
    }

    /// @inheritdoc IReputation
    /// @dev Five arguments and seven results are more than the stack can reach: the arguments are read from calldata.
    function readAllFeedback(uint256, address[] calldata, string calldata, string calldata, bool)
        external
        view
        returns (
            address[] memory,
            uint64[] memory,
            int128[] memory,
            uint8[] memory,
            string[] memory,
            string[] memory,
            bool[] memory
        )
    {
        Page memory page = _page(msg.data[4:]);
        return (page.clients, page.indexes, page.values, page.decimals, page.tag1s, page.tag2s, page.revoked);
    }

    /// @inheritdoc IReputation
    function getResponseCount(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        address[] calldata responders
    ) external view returns (uint64 count) {
        if (clientAddress != address(0)) {
            return _countOf(agentId, clientAddress, feedbackIndex, responders);
        }
        address[] storage clients = _clients[agentId];
        for (uint256 i = 0; i < clients.length; ++i) {
            count += _countOf(agentId, clients[i], 0, responders);
        }
    }

    /// @inheritdoc IReputation
    function getClients(uint256 agentId) external view returns (address[] memory) {
        return _clients[agentId];
    }

    /// @inheritdoc IReputation
    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64) {
        return _lastIndex[agentId][clientAddress];
    }

    // -- steps -------------------------------------------------------------------------------------------------------

    /// @dev Keeps a rating of the sender.
    function _store(uint256 agentId, Rating memory rating) internal returns (uint64 index) {
        index = ++_lastIndex[agentId][msg.sender];
        if (index == 1) _clients[agentId].push(msg.sender);
        _feedback[agentId][msg.sender][index] = Feedback({
            value: rating.value,
            valueDecimals: rating.valueDecimals,
            isRevoked: false,
            tag1: rating.tag1,
            tag2: rating.tag2
        });
    }

    function _find(uint256 agentId, address client, uint64 index) private view returns (Feedback storage) {
        if (index == 0 || index > _lastIndex[agentId][client]) revert UnknownFeedback();
        return _feedback[agentId][client][index];
    }

    /// @dev Clients and indices of all feedback that fits: counted first, then written down.
    function _select(uint256 agentId, address[] memory among, Filter memory filter)
        private
        view
        returns (address[] memory clients, uint64[] memory indexes)
    {
        uint256 total = 0;
        for (uint256 i = 0; i < among.length; ++i) {
            total += _lastIndex[agentId][among[i]];
        }
        (clients, indexes) = (new address[](total), new uint64[](total));
        uint256 count = 0;
        for (uint256 i = 0; i < among.length; ++i) {
            uint64 last = _lastIndex[agentId][among[i]];
            for (uint64 index = 1; index <= last; ++index) {
                if (!_fits(filter, _feedback[agentId][among[i]][index])) continue;
                (clients[count], indexes[count]) = (among[i], index);
                ++count;
            }
        }
        // Both arrays were allocated for as many entries or more.
        assembly ("memory-safe") {
            mstore(clients, count)
            mstore(indexes, count)
        }
    }

    function _page(bytes calldata arguments) private view returns (Page memory page) {
        (uint256 agentId, address[] memory among, string memory tag1, string memory tag2, bool includeRevoked) =
            abi.decode(arguments, (uint256, address[], string, string, bool));
        if (among.length == 0) among = _clients[agentId];
        (page.clients, page.indexes) = _select(agentId, among, _filter(tag1, tag2, includeRevoked));
        uint256 count = page.clients.length;
        (page.values, page.decimals, page.revoked) = (new int128[](count), new uint8[](count), new bool[](count));
        (page.tag1s, page.tag2s) = (new string[](count), new string[](count));
        for (uint256 i = 0; i < count; ++i) {
            Feedback storage feedback = _feedback[agentId][page.clients[i]][page.indexes[i]];
            (page.values[i], page.decimals[i]) = (feedback.value, feedback.valueDecimals);
            (page.tag1s[i], page.tag2s[i]) = (feedback.tag1, feedback.tag2);
            page.revoked[i] = feedback.isRevoked;
        }
    }

    function _average(uint256 agentId, address[] memory clients, uint64[] memory indexes)
        private
        view
        returns (uint64 count, int128 value, uint8 decimals)
    {
        count = uint64(clients.length);
        if (count == 0) return (0, 0, 0);
        uint64[WAD_DECIMALS + 1] memory uses;
        int256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            Feedback storage feedback = _feedback[agentId][clients[i]][indexes[i]];
            ++uses[feedback.valueDecimals];
            sum += int256(feedback.value) * int256(10 ** (WAD_DECIMALS - feedback.valueDecimals));
        }
        for (uint8 i = 1; i < uses.length; ++i) {
            if (uses[i] > uses[decimals]) decimals = i;
        }
        value = int128(sum / int256(uint256(count)) / int256(10 ** (WAD_DECIMALS - decimals)));
    }

    function _filter(string memory tag1, string memory tag2, bool includeRevoked) private pure returns (Filter memory) {
        return Filter({tag1: keccak256(bytes(tag1)), tag2: keccak256(bytes(tag2)), includeRevoked: includeRevoked});
    }

    function _fits(Filter memory filter, Feedback storage feedback) private view returns (bool) {
        if (feedback.isRevoked && !filter.includeRevoked) return false;
        if (filter.tag1 != ANY && filter.tag1 != keccak256(bytes(feedback.tag1))) return false;
        return filter.tag2 == ANY || filter.tag2 == keccak256(bytes(feedback.tag2));
    }

    /// @dev Responses to one feedback, or to all of a client's for index 0.
    function _countOf(uint256 agentId, address client, uint64 index, address[] calldata responders)
        private
        view
        returns (uint64 count)
    {
        uint64 first = index == 0 ? 1 : index;
        uint64 last = index == 0 ? _lastIndex[agentId][client] : index;
        for (uint64 i = first; i <= last; ++i) {
            Responses storage responses = _responses[agentId][client][i];
            address[] memory among = responders;
            if (among.length == 0) among = responses.responders;
            for (uint256 j = 0; j < among.length; ++j) {
                count += responses.counts[among[j]];
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Where the input of a steward's decisions comes from
/// @notice Time is cut into epochs, numbered from one. In each there is at most one input, fixed by the first observation
/// in the first part of the epoch, and known by the root of the salted tree that orders commit to.
interface ISource {
    /// @notice How time is cut into epochs.
    struct Schedule {
        /// First second of epoch 1.
        uint40 genesis;
        /// Seconds of an epoch.
        uint32 length;
        /// Seconds after its start in which an epoch can be observed.
        uint32 observeWithin;
    }

    /// @notice How large an input is: what the model's dimensions say.
    struct Shape {
        /// Words of 32 bytes.
        uint16 words;
        /// Depth of the salted tree over them.
        uint8 depth;
    }

    /// @notice The input of an epoch is fixed. `words` is empty where the source is sealed.
    event Observed(uint32 indexed epoch, bytes32 input, bytes words);

    /// @notice The epoch has not begun, or there is none of that number.
    error EpochNotOpen();
    /// @notice The time for this epoch is over.
    error EpochClosed();
    /// @notice The epoch has its input already.
    error AlreadyObserved();
    /// @notice The words are not as many as the model takes, or do not hash to the signed root.
    error BadObservation();
    /// @notice An epoch without length, an observation longer than its epoch, or an impossible shape or quorum.
    error BadSource();

    /// @notice Root of an epoch's input tree; zero while nobody observed.
    function input(uint32 epoch) external view returns (bytes32 root);

    /// @notice Whether the words of every input are public, so that anybody can check what a model makes of them.
    function isOpen() external view returns (bool);

    /// @notice Salt of an open source's input tree in an epoch.
    function saltOf(uint32 epoch) external view returns (bytes32);

    /// @notice How time is cut.
    function schedule() external view returns (Schedule memory);

    /// @notice How large an input is.
    function shape() external view returns (Shape memory);

    /// @notice Semantic version of this contract.
    function version() external pure returns (string memory);
}

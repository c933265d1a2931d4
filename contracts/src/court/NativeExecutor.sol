// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEvidence} from "../interfaces/IEvidence.sol";
import {ModelCommitment, Order} from "../types/Types.sol";
import {Interpreter} from "./compute/Interpreter.sol";
import {ProgramFile, ProgramFiles} from "./compute/ProgramFile.sol";
import {Registers} from "./compute/Registers.sol";
import {Merkle} from "./Merkle.sol";

/// @title Executes a whole small model on an order's input
/// @notice The evidence kind NATIVE: nobody needs to be trusted or to watch, because the contract itself runs the integer
/// graph. A model's native form is its program file. Anybody may publish it: it is kept as the code of data contracts and
/// must hash to the digest in the model's commitment and fold to its roots.
contract NativeExecutor is IEvidence {
    /// @notice A model's program file is here.
    event NativeRegistered(bytes32 indexed model, address indexed publisher, address[] chunks);

    /// @notice The model is here already.
    error AlreadyRegistered();
    /// @notice No model of that id is here.
    error NotRegistered();
    /// @notice The chunks do not hash to the model's native digest, or there are too many of them.
    error WrongDigest();
    /// @notice A chunk is too long, empty, or not in a data contract.
    error BadChunk();
    /// @notice The input has the wrong number of words.
    error InputLength();

    /// @notice Most data contracts of one model.
    uint256 public constant MAX_CHUNKS = 8;
    /// @notice Most bytes of a program file in one data contract: contract code is at most 24,576 bytes, and the first,
    /// STOP, makes sure that nothing ever runs.
    uint256 public constant MAX_CHUNK_BYTES = 24_575;

    /// @dev Number of chunks in the upper 96 bits, the first one's address in the others. One slot for most models.
    mapping(bytes32 model => uint256 countAndFirst) private _models;
    /// @dev Addresses of the second chunk and those after it.
    mapping(bytes32 model => mapping(uint256 index => address chunk)) private _moreChunks;

    // -- publication -------------------------------------------------------------------------------------------------

    /// @notice Keeps a program file's bytes, cut into chunks, and registers the model.
    function publish(ModelCommitment calldata model, bytes[] calldata chunks_) external {
        address[] memory stored = new address[](chunks_.length);
        for (uint256 i = 0; i < chunks_.length; ++i) {
            stored[i] = store(chunks_[i]);
        }
        register(model, stored);
    }

    /// @notice Keeps one chunk as the code of a data contract. For files that do not fit one transaction.
    function store(bytes calldata chunk) public returns (address stored) {
        if (chunk.length == 0 || chunk.length > MAX_CHUNK_BYTES) revert BadChunk();
        // Returns all that follows these ten bytes: PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE,
        // RETURN.
        bytes memory code = abi.encodePacked(hex"61", uint16(chunk.length + 1), hex"80600a3d393df3", hex"00", chunk);
        assembly ("memory-safe") {
            stored := create(0, add(code, 0x20), mload(code))
        }
        if (stored == address(0)) revert BadChunk();
    }

    /// @notice Registers a model whose chunks are stored. Who stored them does not matter: their bytes are checked, and
    /// code that begins with STOP cannot change.
    function register(ModelCommitment calldata model, address[] memory chunks_) public {
        // CHECK
        bytes32 id = keccak256(abi.encode(model));
        if (_models[id] != 0) revert AlreadyRegistered();
        if (chunks_.length == 0 || chunks_.length > MAX_CHUNKS) revert WrongDigest();
        uint256 at = _freeMemory();
        uint256 end = at;
        for (uint256 i = 0; i < chunks_.length; ++i) {
            if (!_isData(chunks_[i])) revert BadChunk();
            end = _copyChunk(chunks_[i], end);
        }
        _takeMemory(end);
        if (_hash(at, end) != model.nativeDigest) revert WrongDigest();
        ProgramFiles.read(at, end - at).requireCommitted(model);
        // EFFECT
        _models[id] = (chunks_.length << 160) | uint160(chunks_[0]);
        for (uint256 i = 1; i < chunks_.length; ++i) {
            _moreChunks[id][i] = chunks_[i];
        }
        // EVENT
        emit NativeRegistered(id, msg.sender, chunks_);
    }

    // -- execution ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IEvidence
    /// @dev The proof is the words of the input, then the salt of the order's input tree. The output is the model's on
    /// exactly these words. False where the model is not registered or the proof does not open the order's input.
    function verify(bytes32, Order calldata order, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bool)
    {
        Registers.reserve();
        ProgramFile memory file = _load(order.model);
        if (file.nodes == 0) return false;
        uint256 size = 32 * file.inputWords();
        if (proof.length != size + 32 || output.length != 32 * file.outputWords) return false;
        if (Merkle.inputRoot(proof[:size], bytes32(proof[size:]), file.inputDepth()) != order.input) return false;
        (uint256 at, uint256 end) = _run(file, proof);
        return _hash(at, end) == keccak256(output);
    }

    /// @notice What a registered model makes of an input, for whoever wants to know beforehand.
    function execute(bytes32 model, bytes calldata input) external view returns (bytes memory output) {
        Registers.reserve();
        ProgramFile memory file = _load(model);
        if (file.nodes == 0) revert NotRegistered();
        if (input.length != 32 * file.inputWords()) revert InputLength();
        (uint256 at, uint256 end) = _run(file, input);
        output = new bytes(end - at);
        assembly ("memory-safe") {
            mcopy(add(output, 0x20), at, sub(end, at))
        }
    }

    /// @notice The data contracts that hold a model's program file; none where it is not registered.
    function chunks(bytes32 model) external view returns (address[] memory found) {
        uint256 head = _models[model];
        found = new address[](head >> 160);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = i == 0 ? address(uint160(head)) : _moreChunks[model][i];
        }
    }

    /// @notice Version of this contract.
    function version() external pure returns (string memory) {
        return "1";
    }

    /// @dev Copies a registered program file to free memory; without nodes if there is none.
    function _load(bytes32 model) private view returns (ProgramFile memory) {
        uint256 head = _models[model];
        if (head == 0) {
            ProgramFile memory none;
            return none;
        }
        uint256 at = _freeMemory();
        uint256 end = _copyChunk(address(uint160(head)), at);
        uint256 count = head >> 160;
        for (uint256 i = 1; i < count; ++i) {
            end = _copyChunk(_moreChunks[model][i], end);
        }
        _takeMemory(end);
        return ProgramFiles.read(at, end - at);
    }

    /// @dev Lays the trace out in free memory, which nobody has written to, and fills it. All up to the end of the output is
    /// then taken, so that nothing is copied over it (hashing calldata, for one, uses free memory).
    /// @return at Place of the output.
    function _run(ProgramFile memory file, bytes calldata input) private pure returns (uint256 at, uint256 end) {
        uint256 trace = _freeMemory();
        uint256 size = file.inputBytes;
        assembly ("memory-safe") {
            calldatacopy(trace, input.offset, size)
        }
        Interpreter.run(file.program, file.nodes, trace, file.weights);
        at = trace + 32 * file.outputStart;
        end = at + 32 * file.outputWords;
        _takeMemory(end);
    }

    // -- memory and code ---------------------------------------------------------------------------------------------

    function _isData(address chunk) private view returns (bool data) {
        assembly ("memory-safe") {
            mstore(0x00, not(0))
            extcodecopy(chunk, 0x00, 0x00, 0x01)
            data := and(gt(extcodesize(chunk), 1), iszero(byte(0, mload(0x00))))
        }
    }

    /// @dev Copies a data contract's bytes to `at` in free memory.
    function _copyChunk(address chunk, uint256 at) private view returns (uint256 end) {
        assembly ("memory-safe") {
            let size := sub(extcodesize(chunk), 1)
            extcodecopy(chunk, at, 0x01, size)
            end := add(at, size)
        }
    }

    function _hash(uint256 at, uint256 end) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(at, sub(end, at))
        }
    }

    function _freeMemory() private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
        }
    }

    /// @dev Program files are whole words, so `end` is a multiple of 32.
    function _takeMemory(uint256 end) private pure {
        assembly ("memory-safe") {
            mstore(0x40, end)
        }
    }
}

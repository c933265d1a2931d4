"""Any EVM chain over JSON-RPC: what turns protocol messages into transactions, and logs back into protocol events.

Place in the story: beside verification, below the client. From the wire upwards::

    rpc           one endpoint: calls, batches, time-outs, bounded retries, typed errors
    accounts      who signs: raw keys, environment, keystores, external signers
    transactions  EIP-1559 building, fees, nonces, re-pricing, waiting
    events        a follower that can stop, start again, and notice re-organisations
    contracts     packaged ABIs and bytecode: calls out, logs and custom errors in
    deploy        putting the contracts on a chain, and checking that they are the ones meant
    ledger        `EvmLedger`: the protocol's ledger interface on a deployed market
    anvil         the embedded development chain

May import: `concordat.protocol`, `concordat.primitives`.
"""

"""Any EVM chain over JSON-RPC: what turns protocol messages into transactions, and logs back into protocol events.

Place in the story: beside verification, below the client. From the wire upwards::

    rpc, answers            one endpoint: calls, batches, time-outs, bounded retries, typed errors
    accounts, keystore      who signs: raw keys, environment, keystores, external signers
    envelope                EIP-1559 transactions as bytes
    nonces, pool, waiting   numbers without gaps, prices and refusals, receipts through outages and re-organisations
    transactions            prepare, broadcast, wait
    logs, events            logs of a range; a follower that can stop, start again, and notice when history changes
    contracts, translate    packaged ABIs: messages to calls, logs to events, custom errors to errors
    deploy, deployment      putting the contracts on a chain; checking that they are the ones meant
    ledger                  `EvmLedger`: the protocol's ledger interface on a deployed market
    anvil, child            the embedded development chain (state in anvil_state), a process that leaves no orphan
    development             `DevelopmentLedger`: a market there, with free tokens and a movable clock

May import: `concordat.protocol`, `concordat.primitives`.
"""

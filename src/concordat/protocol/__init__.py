"""READ THIS FIRST. The executable specification: values and pure rules, no I/O, no clock, no randomness.

The story, one module per word::

    artifact     what is published: models, data sets, policies, with manifest and lineage
    registry     who published what: (state, message) -> (state, events)
    order        what a client signs, and its EIP-712 hash, which is also its EIP-3009 nonce
    execution    what a provider hands over: output, trace root, and their commitment
    evidence     what makes a result acceptable: kinds, and policies composed of them
    settlement   the market: (state, message) -> (state, events); `vault` keeps its money, `bond` sizes its bonds
    dispute      the court: fraud proofs and dissection
    record       one entry of the transparency log
    verification the numbered checks and their outcomes

`messages` and `events` are the vocabulary that the market, vault and court speak, `refusals` the names under which
they say no; `state` is what they remember, `transition` the one door to their rules. `ledger` is the interface that the
in-memory ledger (`memory`) and every chain implement. The deployed contracts are driven with the same messages and must
answer with the same events, balances and states (tests/differential).

May import: `concordat.primitives`.
"""

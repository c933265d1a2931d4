"""Zero-knowledge proofs that an output came from a committed model on a committed input.

Place in the story: evidence for people who may see neither the model nor the input. ::

    field, transcript, multilinear      the algebra
    relation, parameters, statement     what is proven, and with how many bits
    challenges                          what both sides draw
    verifier/                           plain Python, defines the protocol
    prover/                             a plain prover in numpy, and the door to the fast one

`docs/explain/proof-system.md` explains it to a cryptographer.
"""

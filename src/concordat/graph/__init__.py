"""The integer graph: one meaning of "the model said so", executed, traced and disputed bit for bit the same everywhere.

Place in the story: between the artifact and the execution. ::

    elements    integers of 8 to 64 bits in 32-byte words
    ir          nodes, operands, the program file, the model's commitment
    intervals   validation: no intermediate overflows, nothing is read that is not there
    builder     lays out regions and weights for whoever writes a program
    execute     the reference executor (numpy), and the door to its compiled twin
    trace       READ FIRST about disputes: roots, faults, and what follows
    openings    the proofs that a trace or an output is wrong
    judge       the court's arithmetic: recomputes one element from a proof
    dissection  finds the wrong word of a trace that is withheld

`docs/explain/integer-graph.md` is normative. May import: `concordat.protocol`, `concordat.primitives`, numpy (and onnx
in the importer).
"""

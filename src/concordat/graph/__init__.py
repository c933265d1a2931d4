"""The integer graph: one meaning of "the model said so", executed, traced and disputed bit for bit the same everywhere.

Place in the story: between the artifact and the execution. ::

    ir         nodes, operands, the program file, the model's commitment
    intervals  validation: no intermediate overflows, nothing is read that is not there
    builder    lays out regions and weights for whoever writes a program
    execute    the reference executor (numpy), and the door to its fast twin
    trace      the committed memory of an execution, fraud proofs and dissection

`docs/explain/integer-graph.md` is normative. May import: `concordat.protocol`, `concordat.primitives`, numpy (and onnx
in the importer).
"""

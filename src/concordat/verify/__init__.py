"""Offline verification: sixteen numbered checks over one bundle, the same numbers everywhere.

 1  the bundle is well-formed                         2  its order is the claimed one, on the trusted chain and market
 3  the client authorised the order                   4  the model commitment opens the order's model
 5  the input opens the order's input commitment      6  the result opens the recorded result commitment
 7  the output opens the result                       8  the evidence satisfies the policy that the client signed
 9  the record says the same as the bundle           10  the record is in the log
11  a trusted log signed the checkpoint              12  enough trusted witnesses signed it
13  running it again, or its proof, shows the same   14  the chain settled the order as recorded
15  the log's checkpoint is anchored on chain        16  the record has its place in the model's unbroken sequence

Each ends as *pass*, *fail* or *not checked*, with the reason. Evidence that the policy requires but that was not
checked is never a pass. 11 and 12 need a trust root, 13 the program and the input, 14 to 16 facts from a chain.

Place in the story: its last word. Nothing here touches a network, a clock or a server of ours; :func:`verify` reads
the one file that its caller names. May import: `graph`, `protocol`, `primitives`.
"""

from concordat.verify.engine import verify
from concordat.verify.key_forks import KeyFork, compare_statements
from concordat.verify.sequence import Finding, FindingKind, SplitView, check_sequence, compare_checkpoints

__all__ = [
    "Finding",
    "FindingKind",
    "KeyFork",
    "SplitView",
    "check_sequence",
    "compare_checkpoints",
    "compare_statements",
    "verify",
]

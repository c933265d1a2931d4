"""Those who do the work: provider, challenger and keeper, each a process with a journal of its own.

A node is a loop over `step()`. Every step looks at the ledger and at the journal, decides, writes down what it means to
do, does it, and writes down that it is done; so a step may be cut off anywhere and simply be taken again.

May import: `client` and everything below it.
"""

"""What lies on disk: the node's journal, the content store, and the transparency log.

Every write is complete or absent after a crash, every read is checked against a hash, and a full disk loses nothing.
May import: `zk`, `protocol`, `primitives`.
"""

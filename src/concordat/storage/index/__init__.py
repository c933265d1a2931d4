"""A searchable image of what the contracts said: orders, disputes, artifacts, agents,
replicas and credits in tables.

Everything in it follows from the chain's events and from nothing else: it can be thrown away and built anew from the
first block at any time, with the same result to the last byte, however the reading was cut into pieces. Near the head
every change can be taken back, block by block. May import: `storage.sql`, `protocol`, `primitives`.
"""

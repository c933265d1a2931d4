"""Bytes and numbers that everything else is made of: errors, units, hashing, encoding, Merkle trees, signatures.

Place in the story: below it. Nothing here knows about models, orders or chains, and nothing here does I/O.
May import: the standard library, numpy, and the hashing and curve libraries.
"""

"""One door to two databases: a SQLite file of one's own, or a PostgreSQL server shared by many, chosen by URL.

Statements are constants with named places (``:name``) that both understand; what comes from outside only ever travels
as a value. May import: `storage.files`, `primitives`.
"""

"""The command line: ``concordat <noun> <verb>``, plus ``up``, ``demo`` and ``verify``.

Result on stdout, everything else on stderr; ``--json`` prints one envelope ``{"ok": …, "data" | "error": …}``.
Exit codes: 0 done · 1 verification failed, or the thing asked for was refused · 2 usage or configuration · 3 consistent
but not trusted.

May import everything.
"""

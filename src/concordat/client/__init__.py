"""What users call: models, registry, orders, decisions, records, on any ledger.

May import: `verify`, `chain`, `storage`, `graph`, `protocol`, `primitives`.
"""

"""Concordat."""

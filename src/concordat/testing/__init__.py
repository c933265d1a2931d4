"""What tests of Concordat, ours and other people's, are made of: random programs and a naive interpreter of them.

May import: everything. Nothing in the package imports it.
"""

"""What `make_reference.py` writes: one module for each group of pages, each a function from sources to Markdown."""

"""Our own linters: what docs/architecture.md promises and a machine can see.

A check is a file here with one class, listed in `every.py`, with a test that shows it a violation.
Exceptions are named in the check itself, each with its reason; there are no inline pardons.
"""

"""Making exports: verdicts of one moment first, then files in parts, each of them kept once done.

The same dataset and verdicts give the same bytes, whoever wrote which part: no file holds a time
or an id of its export.
"""

"""The client's source: `tools/sync_client.py` makes each module's other form, a folder up, from it.

Change these, then `make format`. Only `pace` is written by hand in both forms.
"""

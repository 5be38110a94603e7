"""The usual port, in a module that costs the command line nothing."""

PORT = 11711
"""None of the model servers that we know of sits there (`engines/text/discovery.py` lists their ports)."""

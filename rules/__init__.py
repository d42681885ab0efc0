"""The domain: histories, spans, criteria, policies. Standard library only; no I/O, no clock."""

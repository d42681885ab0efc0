"""Where awards end: PostgreSQL, memory, certificates."""

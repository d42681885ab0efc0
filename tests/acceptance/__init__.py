"""Acceptance: whole processes on a real broker and a real database, and what an operator would do to them."""

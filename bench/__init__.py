"""Measures Laurel beside what else it could have been built on: `make bench` (see README.md here)."""

"""Torture: workers, broker, database and disk are broken again and again, and then everything is counted."""

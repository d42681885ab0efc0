"""Faust: agents, topics, tables, dialects, the lane."""

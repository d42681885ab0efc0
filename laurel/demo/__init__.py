"""The demo: a whole term of LMS events through the embedded stack, and what was earned."""

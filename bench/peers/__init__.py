"""The programs that Laurel is measured beside. They run in a virtual environment of their own."""

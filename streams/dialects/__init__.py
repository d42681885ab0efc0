"""One module for each dialect: bytes and headers in, facts out."""

"""The program: command line, settings, files, wiring, the embedded stack."""

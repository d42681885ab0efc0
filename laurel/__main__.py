"""`python -m laurel` is the command line."""

from laurel.cli import app

if __name__ == "__main__":
    app()

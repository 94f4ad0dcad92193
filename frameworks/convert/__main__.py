"""``python -m frameworks.convert``."""

from frameworks.convert.command import app

if __name__ == "__main__":
    app()

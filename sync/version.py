"""The version of this program, in one place; a test holds it and pyproject.toml together."""

VERSION = "0.1.0"

"""`python -m sync`, and what the installed `fieldsync` command runs."""

from sync.entrypoints.cli.main import main

if __name__ == "__main__":
    main()

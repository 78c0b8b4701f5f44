"""``python -m dreamport`` is the ``dreamport`` command."""

from dreamport.cli.main import main

if __name__ == "__main__":
    main()

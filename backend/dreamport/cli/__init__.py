"""The ``dreamport`` command, one file a command group. Everything heavy is imported when a command runs."""

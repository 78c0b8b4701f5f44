"""``python -m dreamport_tools.desktop.trial``: is what the desktop recorder records what was played?

A real program with a window and an event loop of its own (``game``) runs under Xvfb, is given real key and
mouse events through the X server (``script``), and is recorded by the real command; ``trial`` compares.
"""

"""``dreamport capture desktop``: record any game's window and the input that the player gave it.

In the order in which things happen: ``consent`` and ``settings``, then ``this_system`` opens what this system
offers (``screen``, a window, an input source, text fields), ``recorder`` grabs on a fixed ``grid`` and joins
frames and input into rows, ``episode`` writes them.
"""

"""How fast a world plays, as a client in another process sees it.

``script`` says what the player presses, ``player`` is the client process, ``measure`` turns what it saw into
numbers, ``play`` starts server and player and adds what the numbers have to be read with.
"""

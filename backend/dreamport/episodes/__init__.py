"""Recorded play on disk: the layout of a data set, its reader, and its writers.

``layout`` describes the files, ``dataset`` reads them, ``writer`` writes an episode from pictures in one go.
A recording that must survive a power cut while it is made is a folder of its own first (``recording``):
videos that only grow (``matroska``) and a journal of rows (``rows``); ``placing`` makes it an episode,
however it ended.

``dataset``, ``writer``, ``tables``, ``video``, ``encoders`` and ``placing`` need the extra ``capture``.
"""

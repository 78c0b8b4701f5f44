"""Captions for recorded episodes: a narrative, the scene, and chunks of a few seconds.

``past`` is what a chunk may look at; ``facts`` measures it; ``rules`` says it in words, offline; ``endpoint``
asks a vision model that speaks OpenAI's protocol instead. ``phrasing`` refuses camera, action and future
words where they do not belong. ``run`` goes through a data set.
"""

"""``dreamport data``: what is in a data set, whether it can be used, how it is split, and a browser of it.

``pictures``, ``movement`` and ``lag`` measure an episode, ``gates`` judge it, ``profile`` does so for a data
set; ``split``, ``stats`` and ``view`` go on from there.
"""

"""Words as numbers: each word is hashed into a bucket, so there is no vocabulary to ship or to outgrow."""

from __future__ import annotations

import re
import unicodedata
import zlib

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W_]+")
PADDING = 0


def tokens(text: str, words: int, buckets: int) -> NDArray[np.int64]:
    """``[words]``: the bucket of each of the first ``words`` words, 1 to ``buckets - 1``, then zeros.

    Case and accents do not count. The hash is CRC-32 of the word's UTF-8, so training and play agree on every
    machine (feature hashing, arXiv 0902.2206).
    """
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    ids = np.full(words, PADDING, np.int64)
    for i, word in enumerate(_WORD.findall(plain)[:words]):
        ids[i] = 1 + zlib.crc32(word.encode()) % (buckets - 1)
    return ids

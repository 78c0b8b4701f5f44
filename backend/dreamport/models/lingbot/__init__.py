"""LingBot-World: the causal transformer, its codecs and its text encoder."""

"""Data for training: recorded episodes to memory-mapped arrays, the bank of views, latents, shards."""

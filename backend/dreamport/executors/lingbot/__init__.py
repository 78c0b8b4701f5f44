"""LingBot-World on torch: sessions whose tensors stay on the device, and what lets them fit."""

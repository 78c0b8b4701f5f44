"""TensorRT: engines built ahead of time from a pack's graphs, kept in a store, and run on an NVIDIA GPU.

``targets`` says which GPUs, ``library`` which TensorRT, ``half`` puts matrix work into 16 bits, ``build``
makes an engine, ``store`` keeps it, ``memory`` is the GPU's, ``cache`` the generator's cache there, and
``executor`` runs it all.
"""

"""Objectives as pure tensor functions: no model, no configuration, no state. Each cites its equation."""

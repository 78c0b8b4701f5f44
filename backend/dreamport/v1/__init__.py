"""Generated from proto/dreamport/v1 by proto/generate.py. Do not edit."""

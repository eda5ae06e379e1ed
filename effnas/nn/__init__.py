"""Layers, blocks and attention of efficient networks, and their rewriting."""

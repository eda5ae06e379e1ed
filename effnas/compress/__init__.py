"""Compression: pruning, clustering, low-rank: transforms of parameters."""

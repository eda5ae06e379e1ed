"""Lossless codes: packed integers, runs of zeros, Huffman."""

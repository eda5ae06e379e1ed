"""Weights as few centroids: k-means, packed indices, Huffman codes."""

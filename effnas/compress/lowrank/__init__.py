"""Layers as products of smaller ones: SVD, Tucker-2, adapters."""

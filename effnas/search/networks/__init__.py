"""Trials that are networks: built from a config, trained, measured, tested."""

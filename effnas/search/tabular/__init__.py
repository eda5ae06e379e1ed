"""Searching tables of measured networks: the ordinary search, in memory."""

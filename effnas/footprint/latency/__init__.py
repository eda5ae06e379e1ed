"""Latency of a network on a device: by its datasheet, or by calibration."""

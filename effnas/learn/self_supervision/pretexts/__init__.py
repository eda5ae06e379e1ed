"""Objectives without labels: each file here is one, under its own name.

A file `NAME.py` has the class `Name`, a frozen dataclass that derives from
`effnas.learn.objective.Objective`; its fields are what a config may set. Add
an objective by adding a file; `rotation.py` is the smallest example.
"""

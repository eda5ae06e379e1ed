"""Programs as lists of operations: counted, stored, and what they cost."""

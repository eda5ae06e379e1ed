"""What schedulers are made of: rungs, brackets, training budgets."""

"""The Pareto front: dominance, hypervolume, what to pick of it."""

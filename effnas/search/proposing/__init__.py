"""What samplers are made of: features, models, moves, scalarisation."""

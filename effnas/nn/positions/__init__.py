"""Ways to tell attention where the positions are."""

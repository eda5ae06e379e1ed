"""Recipes: what a trained network goes through until it is deployed.

    rows = recipe.run(recipe.steps.load(config['compress']), network, context)

Each step is a file in `steps`: prune, remove, factor, adapt, cluster,
quantize, encode. It changes the network, fine-tunes it where it has epochs,
and can be planned from shapes alone, so that a search knows what a candidate
will cost before it is trained.
"""

"""Some of the weights become zero, and the others go on training."""

from effnas.strategy.guide import foresee, offering

KIND = 'shrink'


def make(plan, here):
  """Tries each sparsity."""
  candidates = {
    f'{100 * sparsity:.3g} % pruned': here.point.replace(
      plan.settings('prune') | {'compress.prune.sparsity': sparsity}
    )
    for sparsity in plan.options('compress.prune.sparsity', foresee.SPARSITIES)
    if sparsity
  }
  return offering.smaller(plan, here, candidates, 'no sparsity is offered')

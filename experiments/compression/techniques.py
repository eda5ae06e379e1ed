"""The techniques of the experiment: each is a recipe of plain settings."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import networks

# Bits of the inputs of quantized layers, whatever the weights have.
ACTIVATIONS = 8
FLOAT = 'float'
# The float network with the budget of sparse training.
ANEW = 'float_anew'


@dataclasses.dataclass(frozen=True)
class Technique:
  """What is done to the trained network.

  Attributes:
    family: As it is called in tables and plots.
    setting: What tells it from others of its family.
    recipe: Names of steps and their settings, as for
      `effnas.recipe.steps.make`; none leaves the network as it is.
    whole: Whether it fine-tunes on all training images.
  """

  family: str
  setting: str
  recipe: tuple[tuple[str, Mapping[str, Any]], ...] = ()
  whole: bool = False

  @property
  def title(self) -> str:
    """Family and setting."""
    return f'{self.family}, {self.setting}'

  @property
  def epochs(self) -> int:
    """Epochs that the recipe trains."""
    return sum(settings.get('epochs', 0) for _, settings in self.recipe)


def all_of(network: networks.Network) -> dict[str, Technique]:
  """Returns the techniques by name, in the order of the table.

  Args:
    network: Whose budget the trainings have.
  """
  tuned = {'epochs': network.tuning, 'lr': network.tuning_lr}
  pruned = {**tuned, **network.pruning}
  anew = {'epochs': network.sparse_epochs, 'lr': network.lr}
  found = {FLOAT: Technique('float', '32 bits')}

  def add(name, family, setting, *recipe):
    found[name] = Technique(family, setting, recipe)

  # Controls: what the budgets alone do.
  step = 'prune', {'sparsity': 0.0, **tuned}
  add('float_tuned', 'float', 'fine-tuned as long', step)
  step = 'regrow', {'sparsity': 0.0, **anew}
  add(ANEW, 'float', 'trained anew as briefly as RigL', step)
  for family, name, more in (
    ('post-training quantization', 'ptq', {'ranges': 'static'}),
    ('quantization-aware training', 'qat', {'learned': True, **tuned}),
  ):
    for bits in (8, 4, 2):
      settings = {'weights': bits, 'activations': ACTIVATIONS, **more}
      step = 'quantize', settings
      add(f'{name}_{bits}', family, f'{bits} bits', step)
  step = 'quantize', {'weights': 8, 'activations': ACTIVATIONS, **tuned}
  found['qat_8_all'] = Technique(
    'quantization-aware training', '8 bits, on all images', (step,), True
  )
  for percent in (50, 75, 90):
    step = 'prune', {'sparsity': percent / 100, **pruned}
    add(f'magnitude_{percent}', 'magnitude pruning', f'{percent} %', step)
  for percent in (50, 75, 90):
    step = 'regrow', {'sparsity': percent / 100, 'kind': 'rigl', **anew}
    add(f'rigl_{percent}', 'RigL', f'{percent} %', step)
  step = 'prune', {'sparsity': 0.5, 'nm': (2, 4), **pruned}
  add('two_of_four', '2:4 pruning', '2 of 4', step)
  for clusters in (16, 32):
    step = 'cluster', {'clusters': clusters, **tuned}
    add(f'cluster_{clusters}', 'clustering', f'{clusters} clusters', step)
  step = 'factor', {'share': 0.5, **tuned}
  add('low_rank', 'low rank', 'half of the parameters', step)
  add(
    'deep_compression',
    'prune, cluster, encode',
    '75 %, 16 clusters',
    ('prune', {'sparsity': 0.75, **pruned}),
    ('cluster', {'clusters': 16, **tuned}),
    ('encode', {}),
  )
  return found

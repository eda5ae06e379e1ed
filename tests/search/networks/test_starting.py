"""What a training takes from `train.init`, and what it draws, is said."""

import jax
import numpy as np
import small_training

from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.search.networks import candidate, starting
from effnas.train import state


def test_what_is_taken_and_what_is_drawn(tmp_path):
  net = candidate.build(small_training.CONFIG, small_training.ARCH).net
  own = jax.tree.map(
    lambda leaf: np.ones(leaf.shape, leaf.dtype),
    rewrite.abstract_variables(net, (8, 8, 1)),
  )
  given = {**own, 'params': dict(own['params'])}
  kernel = given['params'].pop('classifier')['kernel']
  given['params']['classifier'] = {'kernel': kernel[:, :3]}
  given['params']['more'] = np.ones(2, np.float32)
  file = tmp_path / 'start.safetensors'
  file.write_bytes(weights.serialize(given))
  config = small_training.config({'init': str(file)})
  said = starting.told(config, small_training.ARCH)
  leaves = len(jax.tree.leaves(own))
  assert said == (
    f'train.init: {leaves - 2} arrays of {file} taken; 2 drawn: '
    'params/classifier/bias, params/classifier/kernel; 2 of the file unused: '
    'params/classifier/kernel, params/more'
  )
  # As many as a training draws.
  assert state._fitting(own, given)[1] == 2
  assert starting.told(small_training.CONFIG, small_training.ARCH) is None

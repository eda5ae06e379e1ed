"""Recipes as a whole: files as planned, what was made is kept, orders."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from effnas import errors, quant, train
from effnas.compress import storage
from effnas.footprint import weights
from effnas.recipe import artefact, pipeline, steps
from effnas.recipe import network as network_lib

# What a search may plan, and what of it.
RECIPES = {
  'prune': {'prune': {'sparsity': 0.75, 'epochs': 2}},
  'erk': {'prune': {'sparsity': 0.5, 'budget': 'erk', 'thin': 0}},
  '2:4': {'prune': {'sparsity': 0.5, 'nm': (2, 4)}},
  'block': {'prune': {'sparsity': 0.5, 'block': (4, 4), 'keep': ('stem/*',)}},
  'ticket': {'prune': {'sparsity': 0.5, 'rewind': True, 'epochs': 1}},
  'fisher': {'prune': {'sparsity': 0.5, 'criterion': 'fisher', 'thin': 0}},
  'remove': {'remove': {'sparsity': 0.5, 'epochs': 1}},
  'regrow': {'regrow': {'sparsity': 0.8, 'epochs': 2, 'every': 2}},
  'factor': {'factor': {'rank': 0.5, 'epochs': 1}},
  'adapt': {'adapt': {'rank': 2}},
  'cluster': {'cluster': {'clusters': 4, 'epochs': 1}},
  'shared': {'cluster': {'clusters': 16, 'shared': True}},
  'quantize': {'quantize': {'weights': 4}},
  'trained': {'quantize': {'weights': 4, 'epochs': 1}},
  'two bits': {'quantize': {'weights': 2, 'fold': False}},
  'static': {'quantize': {'ranges': 'static', 'calibration': 'mse'}},
  'learned': {'quantize': {'learned': True, 'weights': 3, 'epochs': 1}},
  'binary': {'quantize': {'weights': 'binary', 'epochs': 1}},
  'all': {
    'remove': {'sparsity': 0.25},
    'factor': {'rank': 0.75},
    'prune': {'sparsity': 0.5, 'thin': 2},
    'cluster': {'clusters': 8},
    'quantize': {'scales': 'tensor', 'epochs': 1},
  },
}


def _recipe(settings):
  return pipeline.Pipeline(steps.load({'order': list(settings), **settings}))


def _shapes(variables):
  return {
    path: (leaf.shape, leaf.dtype)
    for path, leaf in network_lib.flat(variables).items()
  }


@pytest.fixture(scope='module', params=RECIPES, ids=str)
def made(request, context, trained):
  """A recipe, its plan, and what came of it, converted."""
  recipe = _recipe(RECIPES[request.param])
  plan = network_lib.planned(trained.net, *context.inputs)
  plan = recipe.plan(plan, *context.inputs)
  found = recipe.apply(trained, context)
  return (
    artefact.converted(plan, *context.inputs),
    artefact.converted(found, *context.inputs),
  )


def test_the_plan_is_what_comes_out(made):
  plan, found = made
  assert plan.net == found.net
  assert _shapes(plan.variables) == _shapes(found.variables)
  told = weights.size_bytes(artefact.stored(plan))
  assert told == len(weights.serialize(artefact.stored(found)))


def test_the_file_holds_the_network(made, context):
  _, found = made
  file = weights.serialize(artefact.stored(found))
  read = storage.unpack(weights.deserialize(file))
  want = network_lib.flat(found.variables)
  assert network_lib.flat(read).keys() == want.keys()
  for path, leaf in network_lib.flat(read).items():
    np.testing.assert_array_equal(np.asarray(leaf), np.asarray(want[path]))
  data = context.dataset
  logits = train.predict(found.net, read, data.valid.x, data)
  assert np.isfinite(logits).all()


def test_what_was_made_is_kept(made):
  _, found = made
  params = network_lib.flat(found.variables['params'])
  for path, mask in found.masks.items():
    kernel = np.asarray(params[path]).astype(np.float32)
    assert not kernel[~np.asarray(mask)].any()
  for path, one in found.tied.items():
    kernel = np.asarray(params[path]).astype(np.float32)
    living = kernel[
      np.asarray(found.masks.get(path, np.ones_like(kernel)), bool)
    ]
    assert len(np.unique(living)) <= one.clusters


def test_huffman_makes_the_file_smaller_and_changes_nothing(context, trained):
  settings = {'prune': {'sparsity': 0.9}, 'cluster': {}, 'encode': {}}
  found = _recipe(settings).apply(trained, context)
  coded = artefact.stored(found)
  plain = artefact.stored(found.replace(huffman=False))
  assert weights.size_bytes(coded) < weights.size_bytes(plain)
  jax.tree.map(
    np.testing.assert_array_equal,
    storage.unpack(coded)['params'],
    jax.tree.map(np.asarray, dict(found.variables['params'])),
  )


def test_rows_tell_what_each_step_costs(context, trained):
  recipe = _recipe({'prune': {'sparsity': 0.5}, 'cluster': {'clusters': 4}})
  seen = []
  network, rows = recipe.run(
    trained, context, targets=['cpu'], on_row=lambda row, n: seen.append(row)
  )
  assert seen == rows
  assert [row.step for row in rows] == ['start', 'prune', 'cluster']
  assert rows[2].settings == {'clusters': 4}
  sizes = [row.footprint['size_bytes'] for row in rows]
  assert sizes == sorted(sizes, reverse=True)
  assert sizes[2] == len(weights.serialize(artefact.stored(network)))
  # XLA multiplies by zeros as by any number: no speed is claimed.
  for metric in ('macs', 'latency_ms@cpu'):
    assert len({row.footprint[metric] for row in rows}) == 1
  assert all(0 <= row.quality['accuracy'] <= 1 for row in rows)
  assert rows[0].sources == {'latency_ms@cpu': 'datasheet, float32, batch 1'}


def test_an_average_of_the_parameters_is_pruned_too(context, trained):
  averaging = dataclasses.replace(context, train={**context.train, 'ema': 0.9})
  found = _recipe(RECIPES['prune']).apply(trained, averaging)
  mask = found.masks['body/conv/kernel']
  kernel = found.variables['params']['body']['conv']['kernel']
  assert not np.asarray(kernel)[~np.asarray(mask)].any()


def test_a_ticket_starts_where_the_network_did(context, trained):
  first = context.fit(
    'train', network_lib.Network(trained.net, None), epochs=1, lr=1e-12
  )
  recipe = _recipe(
    {'prune': {'sparsity': 0.5, 'rewind': True, 'epochs': 1, 'lr': 1e-12}}
  )
  found = recipe.apply(trained, context)
  mask = found.masks['body/conv/kernel']
  want = first.variables['params']['body']['conv']['kernel'] * mask
  kernel = found.variables['params']['body']['conv']['kernel']
  np.testing.assert_allclose(kernel, want, atol=1e-6)


def test_adapters_change_kernels_by_their_rank(context, trained):
  found = _recipe({'adapt': {'rank': 2, 'pattern': 'body/*'}}).apply(
    trained, context
  )
  before, after = (
    network_lib.at(n.variables['params'], 'body/conv/kernel')
    for n in (trained, found)
  )
  change = np.asarray(after - before).reshape(-1, 16)
  assert np.linalg.matrix_rank(change, tol=1e-5) == 2
  head = [n.variables['params']['head']['kernel'] for n in (trained, found)]
  np.testing.assert_array_equal(*head)


@pytest.mark.parametrize(
  'pair',
  list(itertools.permutations(['prune', 'cluster', 'quantize', 'encode'], 2)),
  ids='-'.join,
)
def test_steps_stand_in_one_order(pair):
  settings = {'prune': {'sparsity': 0.5}}
  order = ['prune', 'cluster', 'quantize', 'encode']
  section = {'order': list(pair), **settings}
  if order.index(pair[0]) < order.index(pair[1]):
    assert [s.name for s in steps.load(section)] == list(pair)
    return
  later, earlier = pair[1], pair[0]
  with pytest.raises(
    errors.UserError, match=f'{later} makes no sense after {earlier}: '
  ):
    steps.load(section)


@pytest.mark.parametrize('name', steps.names())
def test_no_step_is_taken_twice_in_a_row(name):
  needed = {'sparsity': 0.5} if name in ('prune', 'regrow', 'remove') else {}
  if name in ('regrow', 'adapt'):
    needed['epochs'] = 1
  if name == 'factor':
    needed['rank'] = 2
  step = steps.make(name, needed)
  if name == 'adapt':
    steps.check([step, step])
    return
  with pytest.raises(errors.UserError, match=f'{name} makes no sense after'):
    steps.check([step, step])


@pytest.mark.parametrize(
  ('name', 'settings', 'message'),
  [
    ('prune', {}, 'prune needs sparsity'),
    ('prune', {'sparsity': 1.0}, 'from 0 to less than 1; got 1.0'),
    (
      'prune',
      {'sparsity': 0.5, 'nm': [2]},
      r'prune\.nm must be a list of 2 or null',
    ),
    ('prune', {'sparsity': 0.75, 'nm': [2, 4]}, '2:4 is a uniform sparsity'),
    ('prune', {'sparsity': 0.5, 'rewind': True}, 'rewind needs training'),
    ('remove', {}, 'a sparsity above 0, or layers'),
    ('remove', {'sparsity': 1}, 'less than 1; got 1'),
    ('remove', {'sparsity': 0.5, 'criterion': 'l1'}, "unknown criterion 'l1'"),
    ('prune', {'sparsity': 0.5, 'epochs': -1}, 'epochs is 0 or more; got -1'),
    ('prune', {'sparsity': 0.5, 'lr': 0}, 'lr is more than 0'),
    ('regrow', {'sparsity': 0.5}, 'sparse training needs epochs'),
    ('factor', {}, 'got 0 of them'),
    ('factor', {'rank': 1.5}, 'a share below 1; got 1.5'),
    ('cluster', {'clusters': 1}, 'clusters'),
    ('quantize', {'weights': 9}, 'got 9'),
    ('quantise', {}, "did you mean 'quantize'"),
    ('encode', {'epochs': 1}, 'trains nothing'),
  ],
)
def test_bad_settings_are_one_line(name, settings, message):
  with pytest.raises(errors.UserError, match=message) as found:
    steps.make(name, settings)
  assert '\n' not in str(found.value)


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    ({'prune': {'sparsity': 0.5, 'budget': 'global'}}, 'global budget'),
    ({'factor': {'energy': 0.9}}, 'known after the training only: set rank'),
    ({'encode': {}}, 'known after the training only'),
    ({'cluster': {}, 'quantize': {}}, "set scales='tensor'"),
    (
      {'prune': {'sparsity': 0.5}, 'quantize': {'weights': 'binary'}},
      'pruned weights stay zero',
    ),
    ({'factor': {'rank': 99}}, 'got 99'),
    ({'cluster': {'pattern': 'nothing'}}, 'takes no parameter'),
    ({'prune': {'sparsity': 0.5, 'nm': (2, 4), 'thin': 0}}, 'stem'),
  ],
)
def test_what_cannot_be_planned_says_why(context, trained, settings, message):
  plan = network_lib.planned(trained.net, *context.inputs)
  with pytest.raises(errors.UserError, match=message):
    _recipe(settings).plan(plan, *context.inputs)


def test_patterns_of_a_config_may_hold_settings():
  """Mappings in mappings, which a step must freeze to hash."""
  patterns = {'classifier': {'weights': 8, 'scales': 'tensor'}, 'stem/*': 4}
  made = steps.make('quantize', {'weights': 4, 'patterns': patterns})
  assert hash(made) == hash(
    steps.make('quantize', {'weights': 4, 'patterns': patterns})
  )
  assert made._rules() == quant.rules(4, made.activations, patterns)

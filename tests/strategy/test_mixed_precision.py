"""Bits under a budget: exact costs, real networks, better than one width."""

import itertools

import numpy as np
import pytest

from effnas import errors, quant, strategy
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.recipe import deployed
from effnas.strategy import assigning, bit_costs

WIDTHS = (8, 4, 3, 2)


@pytest.fixture(scope='module')
def known(net, variables, digits):
  return strategy.sensitivity(net, variables, digits, WIDTHS)


@pytest.fixture(scope='module')
def costs(net, known, digits):
  return bit_costs.BitCosts(
    net.model,
    known.weights,
    (*WIDTHS, quant.FLOAT),
    input_shape=digits.input_shape,
    input_dtype=np.float32,
    targets=('tpu_v5e', 'cpu'),
    batch=4,
  )


@pytest.fixture(scope='module')
def sizes(costs, known):
  """The size of each uniform network."""
  return {
    w: costs(dict.fromkeys(known.weights, w))['size_bytes'] for w in WIDTHS
  }


@pytest.mark.parametrize('seed', range(6))
def test_costs_are_those_of_the_converted_network(
  costs, net, variables, known, digits, seed
):
  rng = np.random.default_rng(seed)
  bits = {p: int(rng.choice((*WIDTHS, 32))) for p in known.weights}
  shape = digits.input_shape
  rules = quant.rules(**assigning.rules(bits))
  ruled = rewrite.Rewritten(net.model, rules)
  _, converted = quant.convert(ruled, variables, shape)
  found = costs(bits)
  assert found['size_bytes'] == len(weights.serialize(converted))
  told = deployed.measure(ruled, shape, targets=('tpu_v5e', 'cpu'), batch=4)
  assert found == {name: told[name] for name in found}
  assert len(found) == 3


def test_the_best_is_within_the_budget_and_better_than_one_width(
  net, variables, digits, known, sizes
):
  budget = (sizes[8] + sizes[4]) // 2
  found = strategy.mixed_precision(
    net, variables, digits, 'size_bytes', budget, known=known
  )
  assert [one.fits for one in found.assignments] == [True] * 3
  assert all(o.costs['size_bytes'] <= budget for o in found.assignments)
  losses = [one.loss for one in found.assignments]
  assert losses == sorted(losses)
  assert found.uniform[4].fits
  assert not found.uniform[8].fits
  assert found.best.loss < found.uniform[4].loss
  assert found.best.estimate < found.uniform[4].estimate
  # The layer that does nothing is the first to lose its bits.
  assert found.best.bits['idle'] == min(found.best.bits.values())
  # What is told is what a config with these arguments gives.
  again = strategy.post_training(net, variables, digits, **found.rules())
  assert (again.loss, again.accuracy) == (found.best.loss, found.best.accuracy)
  file = weights.serialize(again.variables)
  assert len(file) == found.best.costs['size_bytes']


def test_the_estimate_is_the_least_of_all_assignments(known, costs, sizes):
  def size(bits):
    return costs(bits)['size_bytes']

  layers = list(known.weights)
  added = assigning.losses(known, layers, WIDTHS)
  every = [
    dict(zip(layers, widths, strict=True))
    for widths in itertools.product(WIDTHS, repeat=len(layers))
  ]
  taken = [size(bits) for bits in every]
  estimates = [
    sum(added[p][WIDTHS.index(w)] for p, w in bits.items()) for bits in every
  ]

  def least(budget):
    pairs = zip(estimates, taken, strict=True)
    return min(estimate for estimate, t in pairs if t <= budget)

  for share in (0.2, 0.5, 0.8):
    budget = sizes[2] + share * (sizes[8] - sizes[2])
    found = assigning.best(size, budget, added, WIDTHS, 4)
    estimate = estimates[every.index(found[0])]
    # But for the bytes of a header that do not add up.
    assert least(budget) - 1e-12 <= estimate <= least(budget - 40) + 1e-12
    assert all(size(one) <= budget for one in found)
  cheapest = assigning.cheapest(size, layers, WIDTHS)
  assert min(taken) == size(cheapest) <= sizes[2]


@pytest.mark.parametrize('seed', range(8))
def test_costs_that_hardly_add_up_are_kept_to_all_the_same(seed):
  rng = np.random.default_rng(seed)
  kernels = dict(zip('abcdef', rng.integers(20, 900, 6).tolist(), strict=True))
  added = {p: sorted(rng.uniform(size=3)) for p in kernels}

  def cost(bits):
    exact = sum(n * bits[p] for p, n in kernels.items()) // 8
    return exact + -exact % 64 + 50 * len(set(bits.values()))

  widths = (8, 4, 2)
  every = [
    dict(zip(kernels, some, strict=True))
    for some in itertools.product(widths, repeat=6)
  ]

  def estimate(bits):
    return sum(added[p][widths.index(w)] for p, w in bits.items())

  taken = sorted(map(cost, every))
  for budget in (taken[100], taken[364], taken[-20]):
    found = assigning.best(cost, budget, added, widths, 5)
    assert found
    assert all(cost(one) <= budget for one in found)
    losses = [estimate(one) for one in found]
    assert losses == sorted(losses)
    within = [estimate(b) for b in every if cost(b) <= budget - 250]
    assert losses[0] <= min(within, default=np.inf)


def test_a_latency_is_a_budget_too(net, variables, digits, known, costs):
  def latency(width):
    return costs(dict.fromkeys(known.weights, width))['latency_ms@tpu_v5e']

  budget = (latency(8) + latency(4)) / 2
  found = strategy.mixed_precision(
    net,
    variables,
    digits,
    'latency_ms@tpu_v5e',
    budget,
    bits=(8, 4),
    known=known,
    evaluate=1,
    batch=4,
  )
  (best,) = found.assignments
  assert best.costs['latency_ms@tpu_v5e'] <= budget
  assert len(set(best.bits.values())) == 2


def test_fewer_bits_never_count_as_better(known):
  for path, one in assigning.losses(known, known.weights, WIDTHS).items():
    assert one == sorted(one), path
    assert one[0] >= 0
    for width, loss in zip(WIDTHS, one, strict=True):
      assert loss >= known.increases(width)[path]


def test_widths_that_save_nothing_are_left_out():
  assert assigning.cheaper((8, 4, 3, 2), (9, 5, 5, 3)) == [0, 1, 3]
  assert assigning.cheaper((2, 8), (3, 9)) == [1, 0]


def test_patterns_name_one_layer_each():
  bits = {'a/b': 4, 'a/b_1': 4, 'a[0]': 8, '': 4}
  found = assigning.rules(bits, 32)
  assert found['weights'] == 4
  (rule, rest) = quant.rules(**found)
  assert (rule.pattern, rule.weights, rest.activations) == ('a[[]0]', 8, 32)


def test_bad_input_is_one_line(net, variables, digits, known, costs):
  def fails(match, metric, budget, **given):
    with pytest.raises(errors.UserError, match=match):
      strategy.mixed_precision(
        net, variables, digits, metric, budget, known=known, **given
      )

  least = costs(
    assigning.cheapest(lambda b: costs(b)['size_bytes'], known.weights, WIDTHS)
  )
  fails(
    f'smallest .* 8, 4, 3, 2 bits allow takes {least["size_bytes"]:,} bytes',
    'size_bytes',
    99,
  )
  fails('smallest .* takes .* ms', 'latency_ms@cpu', 1e-12)
  fails("unknown budget 'size'", 'size', 1e6)
  fails("unknown budget 'macs'", 'macs', 1e6)
  fails("unknown target 'tpu_v9'", 'latency_ms@tpu_v9', 1.0)
  fails('lack a width of 8, 5; they have 8, 4', 'size_bytes', 1e6, bits=(8, 5))
  fails('one assignment or more', 'size_bytes', 1e6, evaluate=0)

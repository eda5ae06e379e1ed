"""Each layer alone: equal to converting it, in one program, and repeatable."""

import numpy as np
import pytest

from effnas import errors, quant, strategy
from effnas.nn import rewrite
from effnas.train import evaluation


@pytest.fixture(scope='module')
def found(net, variables, digits):
  evaluation._forward.cache_clear()
  told = []
  result = strategy.sensitivity(
    net, variables, digits, (8, 3, 2), report=lambda *a: told.append(a)
  )
  assert [(done, total) for done, total, _ in told] == [
    (i, 12) for i in range(1, 13)
  ]
  assert [row for _, _, row in told] == list(result.rows)
  return result


def test_all_networks_are_one_program(found, net):
  assert evaluation._forward.cache_info().currsize == 1
  assert len(found.rows) == 12


def test_rows_are_what_converting_that_layer_alone_gives(
  found, net, variables, digits
):
  for path in ('stem', 'head'):
    one = strategy.post_training(
      net, variables, digits, weights=32, patterns={path: 2}
    )
    (row,) = [r for r in found.rows if (r.path, r.bits) == (path, 2)]
    np.testing.assert_allclose(one.loss, row.loss, rtol=1e-4)
    assert abs(one.accuracy - row.accuracy) < 0.01


def test_the_float_network_is_the_baseline(found, net, variables, digits):
  float_ = strategy.post_training(net, variables, digits, 32, 32)
  np.testing.assert_allclose(float_.loss, found.loss, rtol=1e-5)
  assert float_.accuracy == found.accuracy > 0.85
  assert found.examples == len(digits.valid)
  assert set(found.increases(quant.FLOAT).values()) == {0.0}


def test_layers_stand_in_order_with_their_weights(found):
  assert found.weights == {
    'stem': 9 * 8,
    'idle': 128 * 16,
    'middle': 128 * 24,
    'head': 24 * 10,
  }
  assert found.bits == (8, 3, 2)
  assert [r.path for r in found.rows][::3] == list(found.weights)


def test_what_does_nothing_is_not_sensitive_and_few_bits_cost_most(found):
  for bits in found.bits:
    assert abs(found.increases(bits)['idle']) < 1e-5
  for path in ('stem', 'middle', 'head'):
    at = {bits: found.increases(bits)[path] for bits in found.bits}
    assert at[2] > at[3] > 0.01 * at[2]
    assert abs(at[8]) < 0.1 * at[2]


def test_equal_arguments_give_equal_numbers(found, net, variables, digits):
  again = strategy.sensitivity(net, variables, digits, (8, 3, 2))
  assert again == found


def test_rules_of_quantization_are_left_out_and_a_limit_holds(
  net, variables, digits
):
  ruled = rewrite.Rewritten(net.model, quant.rules(2))
  some = {'bits': (8,), 'limit': 50}
  found = strategy.sensitivity(ruled, variables, digits, **some)
  assert found == strategy.sensitivity(net, variables, digits, **some)
  assert found.examples == 50


def test_bad_input_is_one_line(net, variables, digits):
  def fails(match, net=net, variables=variables, **given):
    with pytest.raises(errors.UserError, match=match):
      strategy.sensitivity(net, variables, digits, **given)

  fails('1 to 8 bits; got 32', bits=(32,))
  fails('got none', bits=())
  fails('one example or more; got 0', limit=0)
  shape = digits.input_shape
  ruled = rewrite.Rewritten(net.model, quant.rules(8))
  served, integer = quant.convert(ruled, variables, shape)
  fails("quantized already: the kernel of 'stem' is int8", served, integer)
  broken = {**variables, 'params': {**variables['params']}}
  broken['params']['head'] = {
    **variables['params']['head'],
    'bias': np.full(10, np.nan, np.float32),
  }
  fails('outputs of the network are not finite', variables=broken)

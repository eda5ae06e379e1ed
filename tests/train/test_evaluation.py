import jax
import numpy as np
import pytest

from effnas import errors, train
from effnas.train import evaluation, prepare


def test_padding_and_pieces_change_nothing(make_data, make_net, monkeypatch):
  data, net = make_data(n=37, mean=(1.0,)), make_net(classes=3)
  variables = net.init(jax.random.key(0), data.train.x)
  whole = net.apply(variables, data.prepare(data.train.x))
  for batch_size in (1, 8, 37, 100):
    ours = train.predict(
      net, variables, data.train.x, data, batch_size=batch_size
    )
    np.testing.assert_allclose(ours, whole, rtol=1e-5, atol=1e-6)
  monkeypatch.setattr(evaluation, '_PIECE_BYTES', 16 * 10)
  ours = train.predict(net, variables, data.train.x, data, batch_size=4)
  np.testing.assert_allclose(ours, whole, rtol=1e-5, atol=1e-6)


def test_evaluate_is_the_metrics_of_the_logits(make_data, make_net):
  data, net = make_data(), make_net()
  variables = net.init(jax.random.key(0), data.train.x)
  values = train.evaluate(net, variables, data.valid, data, batch_size=48)
  logits = net.apply(variables, data.valid.x)
  accuracy = float((logits.argmax(-1) == data.valid.y).mean())
  assert values['accuracy'] == pytest.approx(accuracy)
  assert set(values) == {
    *('accuracy', 'top5', 'precision', 'recall', 'f1', 'auc', 'loss')
  }


def test_compiles_once_for_equal_data_sets(make_data, counted):
  net, seen = counted
  variables = net.init(jax.random.key(0), make_data().train.x)
  seen.clear()
  for _ in range(3):
    data = make_data()
    train.predict(net, variables, data.train.x, data)
  assert seen == [False]


def test_prepare_is_equal_only_where_it_does_the_same(make_data):
  same = prepare.Prepare(make_data())
  assert same == prepare.Prepare(make_data(n=8))
  assert hash(same) == hash(prepare.Prepare(make_data(n=8)))
  assert same != prepare.Prepare(make_data(mean=(1.0,)))
  assert same != prepare.Prepare(make_data(kind='tokens'))


def test_logits_that_are_not_finite(make_data, make_net):
  data, net = make_data(), make_net()
  variables = net.init(jax.random.key(0), data.train.x)
  variables = jax.tree.map(lambda p: p * np.nan, variables)
  with pytest.raises(train.Diverged, match='64 of 64 outputs'):
    train.evaluate(net, variables, data.valid, data)


def test_bad_input(make_data, make_net):
  data = make_data()
  with pytest.raises(errors.UserError, match='empty'):
    train.predict(make_net(), {}, data.train.x[:0], data)
  with pytest.raises(errors.UserError, match='got 0'):
    train.predict(make_net(), {}, data.train.x, data, batch_size=0)

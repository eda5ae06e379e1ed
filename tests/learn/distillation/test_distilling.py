"""The objective, through the training step and through `fit`."""

import functools
import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant
from effnas.learn import distillation
from effnas.nn import rewrite
from effnas.train import epoch, forward, heads, loop, optim, state, step

_X = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)


class Small(linen.Module):
  """Two convolutions and a classifier."""

  width: int = 4
  classes: int = 3
  kernel: int = 3
  stride: int = 1

  @linen.compact
  def __call__(self, x, train=False):
    sides = (self.kernel, self.kernel)
    x = linen.Conv(self.width, sides, self.stride, name='one')(x)
    x = linen.BatchNorm(use_running_average=not train, name='norm')(x)
    x = linen.Conv(2 * self.width, sides, name='two')(linen.relu(x))
    x = linen.relu(x).mean((1, 2))
    return linen.Dense(self.classes, name='head')(x)


def _rows(n=12):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(n, 8, 8, 1)).astype(np.float32)
  return x, (np.arange(n) % 3).astype(np.int32)


@functools.cache
def _teacher(seed=0, **fields):
  net = Small(width=6, stride=2, **fields)
  x, _ = _rows(2)
  variables = jax.jit(net.init)(jax.random.key(seed), x)
  return net, variables


def _make(teachers, **settings):
  settings = {'inputs': _X, 'classes': 3, **settings}
  return distillation.make(teachers, **settings)


def _told(objective):
  numbers = {k: jnp.float32(v) for k, v in objective.numbers().items()}
  return {
    'label_smoothing': jnp.float32(0),
    'ema': jnp.float32(0),
    **numbers,
    'constants': objective.constants(),
  }


def _start(net, objective, labels, lr=0.1):
  x, _ = _rows()
  tx = optim.make(100, name='sgd', lr=lr, warmup=0, schedule='constant')

  def own(inputs, params, model_state, key):
    return heads.create(
      objective, net, labels, _told(objective), inputs, params, model_state, key
    )

  own_or_none = own if objective is not None else None
  return tx, state.create(net, tx, jnp.asarray, x, heads=own_or_none)


def _loss(net, objective, extras=None):
  """Returns the loss of the rows and its gradient."""
  x, y = _rows()
  labels = {'labels': y, **(extras or {})}
  _, now = _start(net, objective, labels)
  numbers = _told(objective)

  def loss(params):
    from effnas.learn import objective as objective_lib

    bound = forward.Forward(
      net,
      params,
      now.model_state,
      jax.random.key(0),
      heads=objective.heads(),
    )
    batch = objective_lib.batch(jnp.asarray(x), labels)
    return objective(bound, batch, jax.random.key(1), numbers).loss

  return jax.value_and_grad(loss)(now.params)


_ALL = [
  {'name': 'hint', 'pairs': [['one', 'two']]},
  {'name': 'attention', 'weight': 1000.0, 'pairs': ['one', ['two', 'one']]},
  {'name': 'distance', 'pairs': ['two']},
  {'name': 'angle', 'weight': 2.0, 'pairs': ['logits']},
  {'name': 'contrastive', 'width': 5, 'pairs': ['two'], 'teacher': 1},
  {'name': 'exits', 'modules': ['one']},
  {'name': 'teacher_labels'},
  {'name': 'pseudo_labels', 'threshold': 0.2},
]


def test_every_term_has_its_case():
  assert {term['name'] for term in _ALL} == set(distillation.TERMS)


def test_all_terms_train_a_quantized_student_alive():
  net = rewrite.Rewritten(Small(), quant.rules(4, 8))
  objective = _make([_teacher(0), _teacher(1)], terms=_ALL, hard=0.5)
  x, y = _rows()
  y = np.where(np.arange(len(y)) < 4, -1, y)
  tx, now = _start(net, objective, y)
  assert now.params[forward.HEADS]['term1_0']['kernel'].shape == (4, 12)
  one = jax.jit(step.make(net, tx.update, objective=objective))
  after, told = one(now, x, y, jax.random.key(0), _told(objective))
  assert jnp.isfinite(told['loss'])
  moved = jax.tree.map(
    lambda old, new: float(jnp.abs(old - new).max()), now.params, after.params
  )
  for name in ('one', 'two', 'head'):
    assert moved[name]['kernel'] > 0, name
  for name, own in moved[forward.HEADS].items():
    assert own['kernel'] > 0, name
  assert set(after.variables()['params']) == {'one', 'norm', 'two', 'head'}


@pytest.mark.parametrize('name', sorted(distillation.TERMS))
def test_each_term_teaches_the_layers_it_looks_at(name):
  [term] = [term for term in _ALL if term['name'] == name]
  term = {k: v for k, v in term.items() if k != 'teacher'}
  teachers = [] if name == 'exits' else [_teacher()]
  objective = _make(teachers, terms=[term], hard=0.0, alpha=0.0)
  x, _ = _rows()
  tx, now = _start(Small(), objective, np.full(len(x), -1))
  one = jax.jit(step.make(Small(), tx.update, objective=objective))
  after, told = one(
    now,
    jnp.asarray(x),
    jnp.full(len(x), -1),
    jax.random.key(0),
    _told(objective),
  )
  assert told['loss'] > 0
  first = now.params['one']['kernel'], after.params['one']['kernel']
  assert jnp.abs(first[0] - first[1]).max() > 0


def test_cached_logits_are_those_of_the_step():
  teachers = [_teacher(0), _teacher(1)]
  settings = {'shares': [1.0, 3.0], 'temperature': 2.0}
  live = _make(teachers, augmented=True, **settings)
  kept = _make(teachers, augmented=False, **settings)
  plain = _make(teachers, augmented=True, sees='plain', **settings)
  assert not live.cached
  assert kept.cached
  assert plain == kept
  assert kept.constants() == {}
  x, _ = _rows()
  # The last of the batches is padded.
  extras = kept.extras(x, jnp.asarray, batch_size=5)
  net, variables = teachers[1]
  np.testing.assert_allclose(
    extras['teacher_1'], net.apply(variables, x), rtol=1e-5, atol=1e-5
  )
  assert live.extras(x, jnp.asarray) == {}
  one, grads = _loss(Small(), live)
  other, kept_grads = _loss(Small(), kept, extras)
  np.testing.assert_allclose(one, other, rtol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    grads,
    kept_grads,
  )


def test_numbers_and_teachers_share_a_program():
  traces = 0

  class Counted(Small):
    @linen.compact
    def __call__(self, x, train=False):
      nonlocal traces
      traces += 1
      return linen.Dense(self.classes)(x.reshape(len(x), -1))

  net = Counted()
  x, y = _rows()
  losses = []
  data = types.SimpleNamespace(
    train=types.SimpleNamespace(x=x, y=y),
    valid=None,
    kind='image',
    prepare=jnp.asarray,
  )
  epoch.compiled.cache_clear()
  for seed, temperature in ((0, 2.0), (0, 8.0), (1, 2.0)):
    objective = _make(
      [_teacher(seed)], temperature=temperature, alpha=0.5 * temperature
    )
    fitted = loop.fit(net, data, epochs=1, batch_size=6, objective=objective)
    losses.append(fitted.history[-1]['train_loss'])
    if len(losses) == 1:
      first = traces
  assert traces == first
  assert epoch.compiled.cache_info().misses == 1
  assert len(set(losses)) == 3


def test_repr_tells_numbers_and_variables():
  told = {
    repr(_make([_teacher(seed)], temperature=temperature))
    for seed, temperature in ((0, 2.0), (0, 8.0), (1, 2.0), (0, 2.0))
  }
  assert len(told) == 3


def test_features_of_a_teacher_are_those_of_the_same_student():
  # Born again: the network's own form, and here its own weights.
  net = Small()
  x, y = _rows()
  _, now = _start(net, None, y)
  objective = _make(
    [(net, now.variables())],
    hard=0.0,
    terms=[{'name': 'attention', 'pairs': ['one']}],
  )
  bound = forward.Forward(net, now.params, now.model_state, jax.random.key(0))
  told = objective.teachers[0](now.variables(), jnp.asarray(x), ['one'])
  # In evaluation the teacher has other statistics than the student in training.
  np.testing.assert_allclose(
    bound(jnp.asarray(x), ['one']).features['one'],
    told.features['one'],
    rtol=1e-5,
    atol=1e-6,
  )
  assert set(told.features) == {'one'}
  # Patterns and whole paths, of a teacher as of the network in training.
  for paths in (['t*'], ['two'], ['t?o', 'o*']):
    seen = objective.teachers[0](now.variables(), jnp.asarray(x), paths)
    assert set(seen.features) == set(bound(jnp.asarray(x), paths).features)
    assert 'two' in seen.features


def test_fit_learns_from_the_teacher_alone():
  teacher = _teacher()
  x, _ = _rows(24)
  targets = np.asarray(teacher[0].apply(teacher[1], x)).argmax(-1)
  objective = _make(
    [teacher], hard=0.0, alpha=1.0, temperature=1.0, augmented=False
  )
  extras = objective.extras(x, jnp.asarray)
  data = types.SimpleNamespace(
    train=types.SimpleNamespace(
      x=x, y={'labels': np.full(24, -1, np.int32), **extras}
    ),
    valid=types.SimpleNamespace(x=x, y=targets.astype(np.int32)),
    kind='image',
    prepare=jnp.asarray,
  )
  fitted = loop.fit(
    Small(),
    data,
    epochs=20,
    batch_size=8,
    objective=objective,
    optim={'lr': 0.02},
  )
  losses = [record['train_loss'] for record in fitted.history]
  assert losses[-1] < 0.5 * losses[0]


def test_the_surveys_form():
  teacher = _teacher()
  objective = _make(
    [teacher],
    hard=1.0,
    alpha=2.0,
    temperature=1.0,
    t_squared=False,
    softmax_twice=True,
    sees='plain',
  )
  x, y = _rows()
  extras = objective.extras(x, jnp.asarray)
  loss, _ = _loss(Small(), objective, extras)
  _, now = _start(Small(), None, y)
  logits, _ = Small().apply(
    now.variables(), x, train=True, mutable=['batch_stats']
  )
  s = np.asarray(jax.nn.softmax(logits), np.float64)
  p = np.asarray(jax.nn.softmax(extras['teacher_0']), np.float64)
  again = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
  expected = -np.log(s[np.arange(len(y)), y]).mean()
  expected -= 2.0 * (p * np.log(again)).sum(-1).mean()
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    ({'classes': 4}, 'a teacher tells 3 classes and the student 4'),
    ({'alpha': 0}, 'the teachers are asked nothing'),
    ({'temperature': 0}, 'temperature must be a number more than 0; got 0'),
    ({'hard': -1}, 'hard must be a number 0 or more; got -1'),
    ({'sees': 'plane'}, "unknown value of sees 'plane'"),
    ({'shares': [1, 2]}, 'one number for each teacher; got 2 for 1'),
    ({'shares': [0]}, 'one of the shares must be more than 0'),
    ({'terms': [{'name': 'hints'}]}, "name of terms.0. 'hints'.*'hint'"),
    (
      {'terms': [{'name': 'hint', 'pair': []}]},
      "unknown setting of hint 'pair'; did you mean 'pairs'",
    ),
    ({'terms': [{'name': 'hint'}]}, 'name pairs of paths'),
    ({'terms': [{'name': 'hint', 'widths': [3]}]}, "setting of hint 'widths'"),
    (
      {'terms': [{'name': 'hint', 'pairs': [['one', 'tow']]}]},
      "module of the teacher 'tow'; did you mean 'two'",
    ),
    (
      {'terms': [{'name': 'hint', 'pairs': [['one']]}]},
      'a pair is a path in the student and one in the teacher',
    ),
    (
      {'terms': [{'name': 'hint', 'pairs': ['one'], 'teacher': 1}]},
      'teacher must be from 0 to 0',
    ),
    (
      {'terms': [{'name': 'hint', 'pairs': ['one']}], 'sees': 'plain'},
      "leave sees at 'same'",
    ),
    ({'terms': [{'name': 'exits'}]}, 'exits stand behind modules'),
  ],
)
def test_bad_settings(settings, words):
  with pytest.raises(errors.UserError, match=words) as told:
    _make([_teacher()], **settings)
  assert '\n' not in str(told.value)


def test_no_teacher_to_ask():
  with pytest.raises(errors.UserError, match='SoftLabels asks a teacher'):
    _make([])
  with pytest.raises(errors.UserError, match='nothing to distil'):
    _make([], alpha=0)


def test_what_only_the_student_can_tell():
  objective = _make(
    [_teacher()], terms=[{'name': 'hint', 'pairs': [['tow', 'two']]}]
  )
  with pytest.raises(errors.UserError, match="student 'tow'; did you mean"):
    _loss(Small(), objective)
  with pytest.raises(errors.UserError, match='3 classes and the student 5'):
    _loss(Small(classes=5), _make([_teacher()]))

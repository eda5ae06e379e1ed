"""What a candidate costs: the asked metrics, exactly, and their sources."""

from flax import linen
from jax import lax
import pytest

from effnas import data, errors, footprint, quant
from effnas.footprint.latency import cost_model
from effnas.nn import rewrite
from effnas.report import labels
from effnas.search import metrics as metrics_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import costs as costs_lib

SHAPE = (64,)
PARAMS = 650
NET = rewrite.Rewritten(linen.Dense(10), quant.rules(8))
TRAIN = {'epochs': 3, 'batch_size': 32}


def costs(*names, batch=4, examples=100):
  metrics = tuple(map(metrics_lib.parse, names))
  return costs_lib.Costs(metrics, batch, SHAPE, 'float32', examples)


def candidate(optim=None, **train):
  optim = optim or {'name': 'adam'}
  return candidate_lib.Candidate(NET, optim, {**TRAIN, **train})


@pytest.fixture
def compiler(monkeypatch):
  """A compiler that takes any network in; its calls."""
  calls = []

  def compile_for(net, shape, target, batch, **kwargs):
    calls.append((net, shape, target, batch, kwargs))
    return footprint.Compiled(target, batch, 'fake 1', 1e9, 600, 30, 7)

  monkeypatch.setattr(footprint, 'compile_for', compile_for)
  return calls


@pytest.mark.parametrize('batch', [4, None])
def test_throughput_is_derived_from_the_latency(batch):
  targets = ('tpu_v3:128', 'tpu_v3', 'tpu_v5e', 'datasheet/a100:8')
  names = [
    f'{kind}@{t}' for kind in ('latency_ms', 'throughput') for t in targets
  ]
  found = costs(*names, batch=batch).measure(candidate())
  assert list(found) == [*costs_lib.ALWAYS, *names]
  measured = cost_model.load('tpu_v3').batch
  for target, examples in zip(
    targets, (128, batch or measured, batch or 1, 8), strict=True
  ):
    latency = found[f'latency_ms@{target}']
    assert found[f'throughput@{target}'] == 1000 * examples / latency


def test_what_is_not_asked_is_not_computed(monkeypatch, compiler):
  monkeypatch.setattr(costs_lib, 'training', None)  # never called
  found = costs('throughput@cpu').measure(candidate())
  assert list(found) == [*costs_lib.ALWAYS, 'throughput@cpu']
  assert list(costs().measure(candidate())) == [*costs_lib.ALWAYS]
  assert compiler == []


@pytest.mark.parametrize(
  ('optim', 'train', 'arrays'),
  [
    ({'name': 'sgd'}, {}, 1),
    ({'name': 'lion'}, {}, 1),
    ({'name': 'rmsprop'}, {}, 2),
    ({'name': 'adamw', 'clip': 1.0}, {}, 2),
    ({'name': 'adam'}, {'ema': 0.9}, 3),
    ({'name': 'sgd', 'lookahead': 5}, {}, 2),  # the slow weights
    ({'name': 'sgd', 'sam': 0.05}, {}, 2),  # the moved ones
  ],
)
def test_a_step_keeps_what_the_optimiser_keeps(optim, train, arrays):
  found = costs('train_step_memory').measure(candidate(optim, **train))
  plain = footprint.training(NET.model, SHAPE, batch=32, optimizer_slots=0)
  assert found['train_step_memory'] == (
    plain['train_step_memory'] + 4 * PARAMS * arrays
  )


def test_training_is_at_the_batch_of_the_training():
  names = [
    'train_step_macs',
    'train_macs',
    'train_step_ms@a100',
    'accelerator_hours@a100',
  ]
  found = costs(*names).measure(candidate())
  assert list(found) == [*costs_lib.ALWAYS, *names]
  assert found['train_step_macs'] == 2 * 32 * 640  # no gradient of the inputs
  steps = 3 * 3  # of 100 examples the last 4 are left out
  assert found['train_macs'] == steps * found['train_step_macs']
  hours = found['train_step_ms@a100'] * steps / 3.6e6
  assert found['accelerator_hours@a100'] == pytest.approx(hours)
  # A split smaller than a batch is one batch.
  few = costs(*names, examples=20).measure(candidate())
  assert few['train_step_macs'] == 2 * 20 * 640
  assert few['train_macs'] == 3 * few['train_step_macs']
  narrow = costs('train_step_memory').measure(candidate(dtype='bfloat16'))
  wide = costs('train_step_memory').measure(candidate())
  assert narrow['train_step_memory'] != wide['train_step_memory']


def test_sharpness_aware_steps_have_two_gradients():
  names = ['train_step_macs', 'train_macs', 'accelerator_hours@a100']
  plain = costs(*names).measure(candidate({'name': 'sgd'}))
  sharp = costs(*names).measure(candidate({'name': 'sgd', 'sam': 0.05}))
  for name in names:
    assert sharp[name] == 2 * plain[name]
  assert sharp['macs'] == plain['macs']


def test_what_soft_constraints_look_at_is_asked_for():
  config = {
    'footprint': {'targets': [], 'batch': 1, 'compile': []},
    'search': {
      'objectives': ['accuracy'],
      'constraints': {'latency_ms@a100': 1.0},
      'soft_constraints': {'throughput@cpu': 10.0},
    },
  }
  found = costs_lib.asked(config, data.load('digits'))
  assert [m.name for m in found.metrics] == [
    'latency_ms@a100',
    'throughput@cpu',
  ]


def test_the_converted_network_is_compiled_at_the_batch_asked(compiler):
  asked = costs(
    'peak_memory_bytes@tpu_v5e:16', 'peak_memory_bytes', 'peak_memory_bytes@cpu'
  )
  found = asked.measure(candidate())
  assert found['peak_memory_bytes@tpu_v5e:16'] == 637
  assert found['peak_memory_bytes'] == 4 * 4 * (64 + 10)  # counted, as ever
  assert [call[2:4] for call in compiler] == [('tpu_v5e', 16), ('cpu', 4)]
  net, shape, _, _, kwargs = compiler[0]
  assert (net, shape) == (quant.serving(NET), SHAPE)
  assert kwargs['variables']['params']['kernel'].dtype.name == 'int8'


def test_a_device_that_is_too_small_is_one_line(monkeypatch):
  monkeypatch.setattr(
    footprint,
    'compile_for',
    lambda *_, **__: footprint.Compiled(
      'tpu_v5e', 1, 'fake', 1e9, refused='needs 20G of 16G'
    ),
  )
  with pytest.raises(errors.UserError, match='large for tpu_v5e: needs 20G of'):
    costs('peak_memory_bytes@tpu_v5e').measure(candidate())


def test_sources_are_those_of_the_same_network_at_its_bits():
  asked = costs(
    'latency_ms@a100:128',
    'throughput@a100:128',
    'latency_ms@datasheet/a100',
    'peak_memory_bytes@cpu:2',
    'train_step_ms@a100',
    'train_step_macs',
  )
  found = asked.sources(candidate())
  calibrated = footprint.sources(
    NET.model, SHAPE, targets=['a100:128'], bits=lambda path: (8, 8)
  )
  text = calibrated['latency_ms@a100:128']
  assert text.startswith('calibrated (n=')
  compiler = found.pop('peak_memory_bytes@cpu:2')
  assert compiler.startswith('compiled (jaxlib ')
  assert compiler.endswith('), batch 2')
  assert found == {
    'latency_ms@a100:128': text,
    'throughput@a100:128': text,
    'latency_ms@datasheet/a100': 'datasheet, int8, batch 4',
    'train_step_ms@a100': 'datasheet, bfloat16, batch 32',
  }


class Loop(linen.Module):
  """Multiplies until a value is reached, which no program tells."""

  @linen.compact
  def __call__(self, x):
    x = linen.Dense(8)(x)
    kernel = self.param('kernel', linen.initializers.ones, (8, 8))
    return lax.while_loop(lambda y: y[0, 0] < 3, lambda y: y @ kernel, x)


def test_what_is_not_counted_makes_bounds():
  asked = costs('latency_ms@cpu', 'throughput@cpu', 'peak_memory_bytes')
  net = rewrite.Rewritten(Loop(), ())
  found = asked.sources(candidate_lib.Candidate(net, {'name': 'adam'}, TRAIN))
  assert found == {
    'macs': 'counted, a lower bound without all of while at /',
    'latency_ms@cpu': 'datasheet, float32, batch 4, a lower bound without all '
    'of while at /',
    'throughput@cpu': 'datasheet, float32, batch 4, an upper bound without all '
    'of while at /',
  }
  assert labels.bounded('1 k', found['throughput@cpu']) == 'at most 1 k'


@pytest.mark.parametrize(
  ('name', 'said'),
  [
    ('throughput@a10', "unknown target 'a10'"),
    ('latency_ms@a100:x', 'NAME or NAME:BATCH'),
    ('latency_ms@mine.json', r'cannot read .*mine\.json'),
    ('train_step_ms@a10', "unknown target 'a10'"),
    ('peak_memory_bytes@a10', "unknown target 'a10'"),
  ],
)
def test_unknown_targets_are_found(name, said):
  with pytest.raises(errors.UserError, match=said):
    costs(name).check()


def test_what_a_real_compiler_tells(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  found = costs('peak_memory_bytes@cpu').measure(candidate())
  float_inputs, int_kernel = 4 * 4 * 64, 640
  assert found['peak_memory_bytes@cpu'] > float_inputs + int_kernel

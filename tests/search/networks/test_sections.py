"""What a config's sections may hold, told before anything is trained."""

import pytest

from effnas import errors
from effnas.cli import config as config_lib
from effnas.search.networks import candidate, network_trials


@pytest.fixture(scope='module')
def config():
  return config_lib.load('configs/digits.py:smoke')


@pytest.fixture(scope='module')
def arch(config):
  import numpy as np

  space = candidate.load_space(config)
  return space.sample(np.random.default_rng(0))


@pytest.mark.parametrize(
  ('section', 'change', 'said'),
  [
    ('train', {'dtype': 'abc'}, "unknown train.dtype 'abc'; known: bfloat16"),
    ('train', {'dtype': 'int8'}, "unknown train.dtype 'int8'"),
    ('train', {'dtype': None}, "train.dtype must be 'float32' or 'bfloat16'"),
    (
      'train',
      {'label_smoothing': 5},
      'label_smoothing must be a number from 0',
    ),
    ('train', {'ema': 1.5}, 'train.ema must be a number from 0 to less than 1'),
    ('train', {'checkpoint_every': -1}, 'checkpoint_every must be a whole num'),
    ('train', {'seed': 1.5}, 'train.seed must be a whole number of at least 0'),
    (
      'train',
      {'seed': True},
      'train.seed must be a whole number of at least 0',
    ),
    (
      'train',
      {'eval_every': -1},
      'eval_every must be a whole number of at lea',
    ),
    ('train', {'crop_padding': 10**20}, 'crop_padding must be a whole number'),
    ('train', {'epochs': None}, 'train.epochs must be a whole number'),
    ('train', {'batch_size': 0}, 'train.batch_size must be a whole number'),
    ('train', {'accumulate': 'a'}, 'train.accumulate must be a whole number'),
    ('train', {'augment': None}, 'train.augment must be a list, got None'),
    ('train', {'init': 3}, 'train.init must be a text or null, got 3'),
    ('train', {'pretrain': []}, 'train.pretrain must be settings by name'),
    ('train', {'distill': 'a'}, 'train.distill must be settings by name'),
    ('optim', {'lr': None}, 'optim.lr must be a number above 0, got None'),
    ('optim', {'clip': 'a'}, 'optim.clip must be a number of at least 0'),
    ('optim', {'nesterov': 1}, 'optim.nesterov must be true or false, got 1'),
    ('quant', {'patterns': 3}, 'quant.patterns must be settings by name'),
    ('quant', {'patterns': {'a': None}}, r'quant\.patterns\.a must be'),
    (
      'quant',
      {'learned': 'no'},
      "quant.learned must be true or false, got 'no'",
    ),
  ],
)
def test_a_value_of_the_wrong_kind_is_one_line(
  config, arch, section, change, said
):
  arch = {
    k: v for k, v in arch.items() if k != 'optim.lr' or 'lr' not in change
  }
  changed = {**config, section: {**config[section], **change}}
  if 'lr' in change:  # the space's own rate comes before
    changed['space_args'] = {**config['space_args'], 'lr': [None, 1]}
    said = r"the space 'hybrid': lr\[0\] must be a number above 0, got None"
  with pytest.raises(errors.UserError, match=said):
    candidate.build(changed, arch)


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'kernels': ['nan']}, r"kernels\[0\] must be a whole number .* got 'nan'"),
    ({'kernels': []}, 'kernels must be a list of at least 1'),
    ({'depths': [10**20]}, r'depths\[0\] must be a whole number from 1 to'),
    ({'depths': [0]}, r'depths\[0\] must be a whole number from 1 to'),
    ({'depths': [-1, 2]}, r'depths\[0\] must be a whole number from 1 to'),
    ({'expansions': [0]}, r'expansions\[0\] must be a number above 0'),
    ({'widths': [0, 16]}, r'widths\[0\] must be a whole number of at least 1'),
    ({'widths': {}}, 'widths must be a list of at least 1'),
    ({'lr': None}, 'lr must be a list of 2, got None'),
    ({'classes': None}, 'classes must be a whole number of at least 1, got N'),
    ({'classes': 0}, 'classes must be a whole number of at least 1, got 0'),
    ({'classes': -1}, 'classes must be a whole number of at least 1, got -1'),
    ({'classes': 1.5}, 'classes must be a whole number of at least 1, got 1.5'),
    ({'input_shape': 8}, 'input_shape must be a list of at least 1, got 8'),
  ],
)
def test_arguments_of_a_space_fit_its_signature(config, change, said):
  changed = {**config, 'space_args': {**config['space_args'], **change}}
  with pytest.raises(errors.UserError, match=f"^the space 'hybrid': {said}"):
    candidate.load_space(changed)


@pytest.mark.parametrize(
  ('section', 'change', 'said'),
  [
    (
      'train',
      {'init': 'nowhere.safetensors'},
      'cannot read the weights nowhere',
    ),
    (
      'footprint',
      {'compile': None},
      'footprint.compile must be a list, got None',
    ),
    (
      'footprint',
      {'targets': 'cpu'},
      "footprint.targets must be a list, got 'cp",
    ),
    ('footprint', {'batch': 0}, 'footprint.batch must be a whole number'),
    ('data', {'verify': 'no'}, "data.verify must be true or false, got 'no'"),
    ('data', {'path': 3}, 'data.path must be a text or null, got 3'),
  ],
)
def test_a_problem_tells_what_every_trial_would_fail_by(
  config, section, change, said
):
  changed = {**config, section: {**config[section], **change}}
  with pytest.raises(errors.UserError, match=said):
    network_trials.problem(changed)

import enum
import functools
import math
import re
import subprocess
import sys

from flax import core, linen
import numpy as np

from effnas import space as sp
from effnas.space import labels


class Color(enum.Enum):
  RED = 1


class Plain:
  pass


def test_labels_of_all_kinds():
  cases = {
    'Dense': linen.Dense(4),
    'relu': linen.relu,
    'max': functools.partial(max, 3),
    '(3, 5)': (3, 5),
    '(3,)': (3,),
    "[3, 'a', None]": [3, 'a', None],
    '{bits: 4}': {'bits': 4},
    '{bits: 8}': core.FrozenDict({'bits': 8}),
    '(Dense, relu)': (linen.Dense(3), linen.relu),
    'int8': np.dtype('int8'),
    'float32': np.float32,
    'inf': math.inf,
    'RED': Color.RED,
    'Plain': Plain(),
    'Conv': sp.lazy(linen.Conv, features=4, kernel_size=(3, 3)),
    'OneOf': sp.oneof(1, 2),
    'Repeat': sp.repeat(1, 2),
  }
  assert labels.values(list(cases.values())) == tuple(cases)


def test_shared_labels_are_numbered_in_order():
  options = [linen.Dense(4), linen.Dense(8), 'Dense_1', linen.Dense(16)]
  assert labels.values(options) == ('Dense', 'Dense_2', 'Dense_1', 'Dense_3')
  # A string stands for itself, wherever it is listed.
  assert labels.values([linen.Dense(4), 'Dense']) == ('Dense_1', 'Dense')
  # One more option renames none of the others.
  assert labels.values([*options, linen.Dense(1)])[:4] == labels.values(options)


def test_given_labels_are_the_values():
  space = sp.Space({'op': sp.oneof(linen.relu, 3, labels=['a', 'b'])})
  assert space.build({'op': 'a'})['op'] is linen.relu
  assert space.build({'op': 'b'})['op'] == 3


def test_labels_are_equal_in_another_process():
  code = (
    'from flax import linen\n'
    'from effnas.space import labels\n'
    'o = [linen.Dense(4), linen.Dense(8), linen.relu, (3, 5), object(), '
    'lambda: 0]\n'
    'print(labels.values(o))'
  )
  said = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  ).stdout
  assert said.strip() == str(
    ('Dense', 'Dense_1', 'relu', '(3, 5)', 'object', '<lambda>')
  )
  assert not re.search('0x', said)

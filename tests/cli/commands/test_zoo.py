import json

from flax import traverse_util
import numpy as np
import pytest

from effnas import zoo
from effnas.footprint import weights
from effnas.nn import rewrite
from effnas.zoo import pytorch


def test_json_lists_every_network(effnas):
  result = effnas('zoo', '--format=json')
  rows = json.loads(result.out)
  assert result.code == 0
  assert [row['name'] for row in rows] == sorted(zoo.networks())
  for row in rows:
    assert set(row) >= {'name', 'paper', 'params', 'macs', 'input'}
    assert tuple(row['input']) == zoo.load(row['name']).input_shape
  published = next(row for row in rows if row['name'] == 'mobilenet_v2')
  assert published['params'] == 3_504_872
  assert published['macs'] == 300_774_272


def test_the_table_has_the_same_figures(effnas):
  out = effnas('zoo').out
  line = next(x for x in out.splitlines() if x.startswith('mobilenet_v2 '))
  assert line.split()[:4] == [
    'mobilenet_v2',
    '224x224x3',
    '3,504,872',
    '300,774,272',
  ]


@pytest.fixture(scope='module')
def state():
  """Weights of the narrowest MobileNetV2, all 1, by timm's names."""
  network = zoo.load('mobilenet_v2_035')
  shapes = traverse_util.flatten_dict(
    rewrite.abstract_variables(network.build(), network.input_shape), sep='/'
  )
  axes = {4: (3, 2, 0, 1), 2: (1, 0)}
  return {
    f'module.{name}': np.ones(shapes[path].shape, np.float32).transpose(
      axes.get(len(shapes[path].shape), (0,))
    )
    for path, name in pytorch.names(network).items()
  }


def test_import_says_what_it_left_out(effnas, state, tmp_path):
  file, place = tmp_path / 'theirs.safetensors', tmp_path / 'new' / 'ours.st'
  file.write_bytes(weights.serialize(state))
  argv = ('zoo', 'import', 'mobilenet_v2_035', file, '--args={"classes": 10}')
  assert (
    'does not fit params/classifier' in effnas(*argv, f'--out={place}').said
  )
  result = effnas(*argv, f'--out={place}', '--headless')
  assert result.code == 0, result.err
  assert "begin with 'module.': left out" in result.err
  assert 'the classifier is left out (params/classifier/bias, ' in result.err
  found = weights.deserialize(place.read_bytes())
  assert 'classifier' not in found['params']
  assert found['params']['stem']['conv']['kernel'].shape == (3, 3, 3, 16)


@pytest.mark.parametrize(
  'data',
  [b'\x80\x02}q\x00.', b'\x80\x04}\x94.', b'PK\3\4model/data.pkl'],
)
def test_a_pickle_is_told_how_to_convert(effnas, tmp_path, data):
  (tmp_path / 'model.pth').write_bytes(data)
  argv = (tmp_path / 'model.pth', f'--out={tmp_path}/ours.st')
  said = effnas('zoo', 'import', 'resnet_18', *argv).said
  assert 'a pickle of PyTorch' in said
  assert "s.save_file(d.get('state_dict', d), 'model.safetensors')" in said


def test_a_weights_file_that_is_cut_off_is_no_pickle(effnas, tmp_path):
  # A header of 0x480 bytes, whose length begins as a pickle does.
  data = (0x480).to_bytes(8, 'little') + b'{"a":'
  (tmp_path / 'cut.safetensors').write_bytes(data)
  argv = (tmp_path / 'cut.safetensors', f'--out={tmp_path}/ours.st')
  said = effnas('zoo', 'import', 'resnet_18', *argv).said
  assert 'pickle' not in said
  assert 'not a weights file' in said


def test_out_is_no_folder(effnas, tmp_path):
  said = effnas('zoo', 'import', 'resnet_18', 'x', f'--out={tmp_path}').said
  assert '--out takes a file, and' in said

import json

from effnas import zoo


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

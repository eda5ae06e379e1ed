"""`effnas footprint --lookup`: milliseconds that others measured of an arch."""

import json

import pytest

from effnas.zoo import hw_gpt, nasbench201

OTHER = nasbench201.BEST.replace('1x1', '3x3')


@pytest.fixture
def table(tmp_path):
  file = tmp_path / 'cells.csv'
  rows = [
    'arch_str,lat_ms_pixel2,lat_ms_fpga',
    f'{nasbench201.BEST},25.0,4.5',
    f'{OTHER},31.0,',
  ]
  file.write_text('\n'.join(rows))
  return file


def _argv(table, row=0, column='lat_ms_pixel2', file=None):
  return (
    'footprint',
    'nasbench201',
    '--args={"depth": 1}',  # traced sooner
    f'--arch={table}',
    f'--row={row}',
    f'--lookup={file or table}',
    f'--lookup_value={column}',
  )


@pytest.mark.parametrize(
  ('row', 'column', 'ms'),
  [
    (0, 'lat_ms_pixel2', 25.0),
    (1, 'lat_ms_pixel2', 31.0),
    (0, 'lat_ms_fpga', 4.5),
  ],
)
def test_the_latency_is_that_of_the_arch(effnas, table, row, column, ms):
  result = effnas(*_argv(table, row, column), '--format=json')
  assert json.loads(result.out)['lookup'] == {
    'column': column,
    'latency_ms': ms,
    'source': f'measured by others ({table})',
  }


def test_it_is_a_row_of_the_table(effnas, table):
  out = effnas(*_argv(table)).out
  line = next(li for li in out.splitlines() if 'lat_ms_pixel2' in li)
  said = f'latency by lat_ms_pixel2 25.0 ms measured by others ({table})'
  assert line.split() == said.split()


def test_keys_of_several_columns_are_compared_in_one_form(effnas, tmp_path):
  # HW-GPT-Bench goes on past the last layer.
  columns = ('embed_dim', 'n_layer', 'n_head', 'mlp_ratio', 'bias', 'ms')
  row = ('384', '10', ' '.join('4' * 12), ' '.join('2' * 12), 'True', '8.5')
  file = tmp_path / 'gpt.csv'
  file.write_text(f'{",".join(columns)}\n{",".join(row)}\n')
  arch = tmp_path / 'arch.json'
  arch.write_text(json.dumps(hw_gpt.arch(dict(zip(columns, row, strict=True)))))
  result = effnas(
    'footprint',
    'hw_gpt',
    f'--arch={arch}',
    f'--lookup={file}',
    '--lookup_value=ms',
    '--format=json',
  )
  assert json.loads(result.out)['lookup']['latency_ms'] == 8.5


def test_a_missing_entry_is_one_line(effnas, table, tmp_path):
  said = effnas(*_argv(table, 1, 'lat_ms_fpga')).said
  assert f'{table} has no latency of {OTHER}' in said
  few = tmp_path / 'few.csv'
  few.write_text('\n'.join(table.read_text().splitlines()[:2]))
  said = effnas(*_argv(table, 1, file=few)).said
  assert f'{few} has no latency of {OTHER}' in said


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (('--lookup_value=x',), '--lookup_value is a column of --lookup=FILE'),
    (('--lookup=t.csv',), 'footprint needs --lookup_value'),
    (('--lookup=t.csv', '--lookup_value=x'), 'and survey_cnn_025 is a network'),
  ],
)
def test_bad_input_is_one_line(effnas, argv, expected):
  assert expected in effnas('footprint', 'survey_cnn_025', *argv).said


def test_bad_tables_are_one_line(effnas, table):
  said = effnas(*_argv(table, column='lat_ms_pixel')).said
  assert "'lat_ms_pixel'; did you mean 'lat_ms_pixel2'" in said
  said = effnas(*_argv(table, file='nowhere.csv')).said
  assert 'cannot read nowhere.csv' in said
  arch = '--arch={"model.features": 8, "model.act": "relu", "optim.lr": 0.002}'
  argv = ('tiny_cli:space', arch, '--input=8,8,1', f'--lookup={table}')
  said = effnas('footprint', *argv, '--lookup_value=lat_ms_fpga').said
  assert "no table is known for the space 'tiny_cli:space'" in said

"""Rows of public tables stand wherever an arch is asked for."""

import json

import pytest

CELL = (
  '|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|'
  '+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|'
)


@pytest.fixture
def table(tmp_path):
  file = tmp_path / 'cells.csv'
  lines = [CELL.replace('nor_conv_3x3~0', 'none~0'), CELL]
  file.write_text('\n'.join(['arch_str,params', *(f'{x},1' for x in lines)]))
  return file


def test_footprint_of_a_row(effnas, table):
  argv = ('footprint', 'nasbench201', f'--arch={table}', '--format=json')
  found = json.loads(effnas(*argv, '--row=1').out)
  # The table's own figures for this cell.
  assert found['metrics']['params'] == 802_426
  assert found['metrics']['macs'] == 113_951_360


def test_all_rows_are_checked(effnas, table):
  argv = ('space', 'nasbench201', 'check', f'--arch={table}')
  assert 'all 2 rows' in effnas(*argv).err
  table.write_text(table.read_text() + '\n|conv~0|+|none~0|none~1|+|none~0|,1')
  result = effnas(*argv)
  assert result.code == 2
  assert 'row 2' in result.said


@pytest.mark.parametrize(
  ('space', 'row', 'said'),
  [
    ('nasbench201', ['--row=2'], '0 to 1; got 2'),
    ('nasbench201', [], '--row says which row'),
    ('accel_nasbench', ['--row=0'], 'block0_e'),
    ('hybrid', ['--row=0'], 'no table is known'),
  ],
)
def test_what_is_no_row_is_one_line(effnas, table, space, row, said):
  result = effnas('footprint', space, f'--arch={table}', *row)
  assert result.code == 2
  assert said in result.said


def test_a_row_needs_a_table(effnas):
  result = effnas('footprint', 'nasbench201', '--row=1')
  assert result.code == 2
  assert '--arch names none' in result.said

"""Files of tables in each of their forms."""

import gzip
import json

import pytest

from effnas import errors
from effnas.footprint import tables


def test_forms_of_a_table(tmp_path):
  rows = [{'arch': 'a', 'ms': '1'}, {'arch': 'b', 'ms': '2'}]
  text = 'arch,ms\na,1\nb,2\n'
  plain, packed = tmp_path / 't.csv', tmp_path / 't.csv.gz'
  plain.write_text(text)
  packed.write_bytes(gzip.compress(text.encode()))
  nested = tmp_path / 't.json'
  nested.write_text(json.dumps({r['arch']: {'ms': r['ms']} for r in rows}))
  for file in (plain, packed, nested):
    assert tables.is_table(str(file))
    assert tables.read(str(file)) == rows
  arch = tmp_path / 'arch.json'
  arch.write_text(json.dumps({'model.kernel': 3}))
  assert not tables.is_table(str(arch))
  assert not tables.is_table(str(tmp_path / 'absent.json'))
  assert not tables.is_table('{"model.kernel": 3}')


def test_what_cannot_be_read_is_one_line(tmp_path):
  with pytest.raises(errors.UserError, match='No such file'):
    tables.read(str(tmp_path / 'absent.csv'))
  broken = tmp_path / 't.csv.gz'
  broken.write_bytes(gzip.compress(b'a,b\n1,2\n')[:-9])
  with pytest.raises(errors.UserError, match='is damaged'):
    tables.read(str(broken))

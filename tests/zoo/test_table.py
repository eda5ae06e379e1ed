"""The table of counted networks is what the code gives."""

import pytest

from effnas import zoo
from effnas.cli.commands import zoo as command

ROWS = {row['name']: row for row in zoo.table()}
# Counted in each run; the others take a minute together.
_FEW = 100_000_000


def test_every_network_is_in_the_table_and_nothing_else():
  assert list(ROWS) == list(zoo.networks()), 'run `make zoo`'


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[] if row['macs'] < _FEW else [pytest.mark.slow])
    for name, row in ROWS.items()
  ],
)
def test_the_table_is_what_the_code_gives(name):
  assert command.counted(name, zoo.load(name)) == ROWS[name], 'run `make zoo`'

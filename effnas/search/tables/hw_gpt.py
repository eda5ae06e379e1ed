"""HW-GPT-Bench: some decoders, measured on GPUs.

The table is not complete: its problems are about its rows.
"""

import os

import numpy as np

from effnas.search.tabular import table, table_file
from effnas.zoo import hw_gpt

_SHA256 = '4b705af9074df7b71efb3e4c731a0a3aa79e7093c00a0ca08ac665543ea362bb'
_LICENCE = 'HW-GPT-Bench, Apache-2.0'
_BATCH = 8


def load(path: str | os.PathLike[str], *, verify: bool = True) -> table.Table:
  """Reads the table of the small scale.

  Args:
    path: hw_gpt_bench_s_dev.csv.gz.
    verify: Whether a checksum that differs from the published one stops.

  Returns:
    'loss', the logarithm of the published perplexity; 'params';
    'latency_ms@T:8' of the devices 'a100', 'v100' and 'rtx3080' and
    'peak_memory_bytes@a100:8', of 8 sequences of 1,024 tokens. The published
    MACs leave the attention's products out, so that 'macs' is not there.

  Raises:
    UserError: It is another file.

  Reference:
    Sukthanker et al. 2024, arXiv:2405.10299.
  """
  rows, provenance = table_file.read(path, _SHA256, verify, _LICENCE)
  archs = table_file.archs(rows, hw_gpt.arch, path)
  columns = {
    'loss': np.log(table_file.column(rows, 'ppl', path)),
    'params': table_file.column(rows, 'params', path),
  }
  for device in ('a100', 'v100', 'rtx3080'):
    columns[f'latency_ms@{device}:{_BATCH}'] = table_file.column(
      rows, f'lat_ms_{device}', path
    )
  memory = table_file.column(rows, 'mem_a100', path, 2.0**20)
  columns[f'peak_memory_bytes@a100:{_BATCH}'] = memory
  space = hw_gpt.space()
  return table.Table('HW-GPT-Bench-S', space, archs, columns, provenance)

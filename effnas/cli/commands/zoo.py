"""Lists the published networks with their parameters and MACs.

Each is named with the input of its paper, its trainable parameters and the
multiply-accumulates of one example, both counted from the program.

Examples:
  effnas zoo
  effnas zoo --format=json
"""

from typing import Any

from absl import flags

from effnas.cli import progress, show
from effnas.cli import request as request_lib

USAGE = 'zoo [--format=json]'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Counts and lists the networks."""
  request.words()
  from effnas import footprint, zoo

  networks = zoo.networks()
  rows: list[dict[str, Any]] = []
  with progress.Progress('network', len(networks), patience=3) as counting:
    for name, network in networks.items():
      counted = footprint.measure(network.build(), network.input_shape)
      rows.append(
        {
          'name': name,
          'paper': network.paper,
          'params': counted['params'],
          'macs': counted['macs'],
          'input': list(network.input_shape),
        }
      )
      counting.update(len(rows), name)
  if request.flags.format == 'json':
    show.as_json(rows)
    return
  show.table(
    ['name', 'input', 'parameters', 'MACs', 'paper'],
    [
      [
        row['name'],
        'x'.join(map(str, row['input'])),
        row['params'],
        row['macs'],
        row['paper'],
      ]
      for row in rows
    ],
  )

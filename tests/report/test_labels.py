import pytest

from effnas.report import labels


@pytest.mark.parametrize(
  ('name', 'number', 'text'),
  [
    ('size_bytes', 0, '0 B'),
    ('size_bytes', 999, '999 B'),
    ('size_bytes', 999_600, '1.00 MB'),
    ('macs', 300_774_272, '301 M'),
    ('params', 3_504_872, '3.50 M'),
    ('latency_ms@a100', 1234.5, '1234 ms'),
    ('latency_ms@a100', 99.96, '100 ms'),
    ('latency_ms@a100', 0.00000123, '1.23e-06 ms'),
    ('throughput@a100', 4310.4, '4.31 k/s'),
    ('throughput@a100:8', 999.96, '1.00 k/s'),
    ('throughput@cpu', 310.4, '310 /s'),
    ('throughput@cpu', 7.041, '7.04 /s'),
    ('peak_memory_bytes@tpu_v5e', 12_345_678, '12.3 MB'),
    ('train_step_memory', 1_500, '1.50 kB'),
    ('train_macs', 3.2e15, '3200 T'),
    ('train_step_ms@a100', 0.5, '0.500 ms'),
    ('accelerator_hours@a100', 12.345, '12.3 h'),
    ('accuracy', 0.97, '0.9700'),
    ('accuracy', 0, '0.0000'),
    ('loss', 0.00012345, '0.000123'),
    ('accuracy', None, '-'),
  ],
)
def test_value(name, number, text):
  assert labels.value(name, number) == text


def test_axis_says_unit_and_source():
  assert labels.axis('macs') == 'MACs'
  text = labels.axis('latency_ms@cpu', 'measured')
  assert text == 'latency on cpu (ms, measured)'


def test_a_step_of_a_guide_is_called_by_the_network_it_is_about():
  given = {'space': 'published', 'space_args': {'name': 'survey_cnn_050'}}
  config = {
    'space': 'effnas.strategy.guide.fixed:space',
    'space_args': {**given, 'arch': {}, 'widths': [0.25, 0.5]},
    'data': {'name': 'digits'},
  }
  assert labels.study(config) == 'survey_cnn_050 on digits'
  assert labels.study({'space': 'hybrid', 'data': None}) == 'hybrid'


@pytest.mark.parametrize(
  ('name', 'title'),
  [
    ('peak_memory_bytes', 'peak memory'),
    ('peak_memory_bytes@tpu_v5e', 'device memory on tpu_v5e'),
    ('throughput@tpu_v3:128', 'throughput on tpu_v3:128'),
    ('latency_ms@datasheet/a100', 'latency on datasheet/a100'),
    ('latency_ms@some/where/board.json:8', 'latency on board.json:8'),
    ('train_step_memory', 'memory of a training step'),
    ('train_step_ms@a100', 'training step on a100'),
    ('accelerator_hours@a100', 'training on a100'),
  ],
)
def test_title(name, title):
  assert labels.title(name) == title


def test_what_has_prefixes_has_its_unit_at_the_ticks():
  assert labels.axis('throughput@a100', 'batch 8, calibrated') == (
    'throughput on a100 (batch 8, calibrated)'
  )
  assert labels.axis('size_bytes') == 'size'

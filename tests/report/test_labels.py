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

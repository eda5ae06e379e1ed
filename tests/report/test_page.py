import html.parser
import json
import re

import pytest

from effnas import report

_VOID = {'meta', 'link', 'br', 'img', 'input'}


class Page(html.parser.HTMLParser):
  """Reads a page: its elements balanced, its attributes, its scripts."""

  def __init__(self, text: str):
    super().__init__()
    self.open, self.tags, self.attributes, self.scripts = [], [], [], []
    self.feed(text)
    self.close()
    assert self.open == []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += [(name, value or '') for name, value in attrs]
    if tag not in _VOID:
      self.open.append(tag)
    if tag == 'script':
      self.scripts.append('')

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if self.open and self.open[-1] == 'script':
      self.scripts[-1] += data


@pytest.fixture
def text(study):
  report.write(study.path)
  return (study.path / 'report.html').read_text(encoding='utf-8')


def test_it_holds_every_trial_and_all_of_its_numbers(study, text):
  data = json.loads(Page(text).scripts[0])
  summary = report.read(study.path)
  assert [t['trial'] for t in data['trials']] == list(range(30))
  for trial, row in zip(data['trials'], summary.rows, strict=True):
    assert trial['metrics'] == dict(row.metrics)
    assert trial['lines'] == dict(row.lines)
    assert trial['arch'] == row.arch
    assert trial['reason'] == row.reason
  assert data['front'] == [row.trial for row in summary.front]
  assert data['config'] == summary.config
  assert data['environment'] == {'python': '3.11.0'}


def test_it_asks_for_nothing_else(text):
  page = Page(text)
  names = {name for name, _ in page.attributes}
  assert not names & {'src', 'href', 'action', 'data', 'srcset', 'background'}
  tags = set(page.tags)
  assert not tags & {'link', 'img', 'iframe', 'object', 'embed', 'base'}
  assert not re.search(r'url\(|@import|fetch\(|XMLHttpRequest|import\(', text)
  assert "default-src 'none'" in text


def test_text_of_the_journal_is_never_markup(study, text):
  page = Page(text)
  assert 'b' not in page.tags
  assert page.tags.count('script') == 2
  assert '<b onclick' not in text
  reasons = {t['reason'] for t in json.loads(page.scripts[0])['trials']}
  assert any('</script><b onclick="x()">' in reason for reason in reasons)
  # The script writes text as text.
  assert not re.search(r'innerHTML|outerHTML|insertAdjacent|eval\(', text)


def test_names_of_the_config_are_escaped(study):
  config = json.loads((study.path / 'config.json').read_text())
  config['space'] = '<i>mine</i>:space'
  (study.path / 'config.json').write_text(json.dumps(config))
  report.write(study.path)
  text = (study.path / 'report.html').read_text(encoding='utf-8')
  assert '&lt;i&gt;mine&lt;/i&gt;:space' in text
  assert 'i' not in Page(text).tags


@pytest.mark.parametrize('trials', [0, 1])
def test_a_page_before_any_trial_is_finished(make, trials):
  work = make()
  for i in range(trials):
    work.propose(i)
  report.write(work.path)
  text = (work.path / 'report.html').read_text(encoding='utf-8')
  assert len(json.loads(Page(text).scripts[0])['trials']) == trials
  assert 'no finished trial yet' in text or 'no trial yet' in text


def test_it_says_where_estimates_come_from(sourced):
  summary = report.write(sourced.path)
  text = (sourced.path / 'report.html').read_text(encoding='utf-8')
  data = json.loads(Page(text).scripts[0])
  for trial, row in zip(data['trials'], summary.rows, strict=True):
    assert trial['sources'] == row.sources
  assert data['origins'] == summary.origins(summary.rows)
  assert data['bounds'] == {'throughput@a100:128': 'at least 1.00 k/s'}
  column = data['columns']['throughput@a100:128']
  assert column['axis'] == 'throughput on a100:128 (batch 128, calibrated)'
  # On hover of a point and of a figure, in the legend, and where it is missing.
  script = Page(text).scripts[1]
  assert script.count('t.sources[name]') == 3
  assert 'of data.origins' in script
  assert script.count('of lacking(t)') == 2

"""Search: draw architectures, run them as trials, keep a Pareto front.

The way of a search: a `Problem` (space, objectives, constraints, footprint) is
handed to a sampler, which proposes the next architecture from the trials it may
see; a scheduler says how long it trains, or which trial is gone on with; a
`Conductor` decides what they may see and writes every event to the journal; an
engine runs the trials.

A new sampler is one new file in `effnas/search/samplers`, a new scheduler one
in `effnas/search/schedulers`, a new engine one in `effnas/search/engines`, a
new table one in `effnas/search/tables`.
"""

from effnas.search.driver import run
from effnas.search.journal import read
from effnas.search.problem import Problem, front, scores
from effnas.search.settings import Settings
from effnas.search.trial import Trial

__all__ = ['Problem', 'Settings', 'Trial', 'front', 'read', 'run', 'scores']

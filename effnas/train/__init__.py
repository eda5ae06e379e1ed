"""Training and evaluation of one network."""

from effnas.train.evaluation import evaluate, predict
from effnas.train.loop import Fitted, fit
from effnas.train.step import Diverged

__all__ = ['Diverged', 'Fitted', 'evaluate', 'fit', 'predict']

"""Distillation: a network learns from others, or from its own deeper part.

Losses are functions of arrays (`soft`, `hints`, `attention`, `relational`,
`contrastive`, `exits`, `unlabelled`); `make` weighs and adds them to what a
training minimises. Student and teachers may differ in all but their classes.
"""

from effnas.learn.distillation.distilling import Distill
from effnas.learn.distillation.making import TERMS, make
from effnas.learn.distillation.teacher import Teacher, cached

__all__ = ['TERMS', 'Distill', 'Teacher', 'cached', 'make']

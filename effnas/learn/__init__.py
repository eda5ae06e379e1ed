"""How to train better with the same network: learning techniques."""

from effnas.learn import augment as augment

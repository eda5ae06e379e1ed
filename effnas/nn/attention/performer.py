"""The Performer's attention: the softmax kernel by random features."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.nn.attention import linear


def directions(
  features: int, channels: int, seed: int = 0, orthogonal: bool = True
) -> np.ndarray:
  """Draws the vectors that random features project on.

  Args:
    features: M.
    channels: D.
    seed: Of the draw.
    orthogonal: Whether each D rows in a row are orthogonal to each other.

  Returns:
    [M, D]; each row alone is a standard normal vector.

  Example:
    >>> w = directions(2, 3)
    >>> bool(abs(w[0] @ w[1]) < 1e-6)
    True
  """
  rng = np.random.default_rng(seed)
  if not orthogonal:
    return rng.standard_normal((features, channels)).astype(np.float32)
  blocks = -(-features // channels)
  normal = rng.standard_normal((blocks, channels, channels))
  q, r = np.linalg.qr(normal)
  # Signs as if R's diagonal were positive: uniform over the rotations.
  q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
  rows = q.transpose(0, 2, 1).reshape(-1, channels)[:features]
  norms = np.sqrt(rng.chisquare(channels, (features, 1)))
  return (norms * rows).astype(np.float32)


def log_features(x_BxTxHxD: jax.Array, w_MxD: np.ndarray) -> jax.Array:
  """Logarithms of positive features of the softmax kernel, in float32.

  The mean over m of exp(log_features(q) + log_features(k)) is an unbiased
  estimate of exp(q . k / sqrt(D)).

  Args:
    x_BxTxHxD: Queries or keys.
    w_MxD: Directions.

  Returns:
    [B, T, H, M].
  """
  x = x_BxTxHxD.astype(jnp.float32) * x_BxTxHxD.shape[-1] ** -0.25
  projected = jnp.einsum('bthd,md->bthm', x, w_MxD)
  return projected - jnp.sum(x**2, -1, keepdims=True) / 2


class Performer(linen.Module):
  """Softmax attention, estimated in O(T) by positive random features (FAVOR+).

  The features are drawn once from the seed: they are constants, not variables.

  Attributes:
    features: Random features M of a head; the error falls as 1 / sqrt(M).
    causal: Whether a position sees none behind it.
    orthogonal: Whether directions are orthogonal in blocks of D, which lowers
      the variance.
    chunk: Positions that the causal form takes at once.
    seed: Of the directions.

  Cost:
    M = features
    c = min(chunk, T)
    MACs = T * M * D * (heads + kv) + T * M * (heads * (E + 1) + kv * E)
    if causal:
      MACs = T * M * D * (heads + kv) + -(-T // c) * c * (
        M * (heads * (E + 1) + kv * E) + c * heads * (M + E)
      )

  Reference:
    Choromanski et al., 2021, https://arxiv.org/abs/2009.14794

  Example:
    >>> q = jnp.ones((1, 6, 4, 8))
    >>> Performer(features=16).apply({}, q, q, q, (6,)).shape
    (1, 6, 4, 8)
  """

  features: int = 64
  causal: bool = False
  orthogonal: bool = True
  chunk: int = 64
  seed: int = 0

  @linen.compact
  def __call__(
    self, q: jax.Array, k: jax.Array, v: jax.Array, grid: tuple[int, ...]
  ) -> jax.Array:
    """Mixes [B, T, H, D], [B, T, G, D], [B, T, G, E] to [B, T, H, E].

    Raises:
      UserError: `features` or `chunk` is smaller than 1.
    """
    if self.features < 1:
      raise errors.UserError(
        f'features must be at least 1; got {self.features}'
      )
    w = directions(self.features, q.shape[-1], self.seed, self.orthogonal)
    return linear.kernel_attention(
      log_features(q, w),
      log_features(k, w),
      v,
      causal=self.causal,
      chunk=self.chunk,
    )


def variants() -> dict[str, linen.Module]:
  """Returns both directions."""
  return {'performer': Performer(), 'causal_performer': Performer(causal=True)}

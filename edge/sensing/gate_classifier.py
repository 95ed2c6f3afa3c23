"""From the figures of a hearing to what happened so far: it lies there, went in, went out, came near.

Softmax regression with reviewed coefficients: four linear scores and nothing hidden. Even figures weigh
alike for in and out, odd ones with opposite signs, so that a gate with its antennas exchanged gives the
exchanged answer. ``turned`` means: came near and is not through, which at the end of a hearing is a turn.

The group vote is the second half. Tags that are carried together say the same thing about their carrier;
each of them may also be a stray that only lies there. With independent hearings the likelihood of a carrier's
direction is the product over the tags of (it lies there, or it goes this way), so strays leave themselves out.
"""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.sensing.gate_features import EVEN, ODD, Figures

Floats = NDArray[np.floating]

CLASSES: Final = ("static", "in", "out", "turned")
STATIC: Final = 0
WAYS: Final = (1, 2, 3)

TOGETHER_S: Final = 0.8
"""How far the loudest moments of one carrier's tags lie apart, as a standard deviation."""

CHANCE_S: Final = 1.5
"""… and the span, over the root of two pi, in which a stray's may fall by chance."""


class Coefficients(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``scripts/train_gate.py`` found.

    Attributes:
        provenance: how it was found, for people.
        even_names, odd_names: the figures, in order; others than this code computes are refused.
        even_mean, even_scale: even figures are reduced by the mean and divided by the scale.
        odd_scale: odd figures are divided by it.
        prior: share of each class in training, in the order of CLASSES.
        bias: score of static, of passing and of turned without any figure.
        static, passing, turned: weights of the even figures.
        inwards: weights of the odd figures for in; for out they are negative.
    """

    provenance: dict[str, str]
    even_names: tuple[str, ...]
    odd_names: tuple[str, ...]
    even_mean: tuple[float, ...]
    even_scale: tuple[float, ...]
    odd_scale: tuple[float, ...]
    prior: tuple[float, float, float, float]
    bias: tuple[float, float, float]
    static: tuple[float, ...]
    passing: tuple[float, ...]
    turned: tuple[float, ...]
    inwards: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse coefficients of other figures."""
        if self.even_names != EVEN or self.odd_names != ODD:
            raise ValueError("the gate's coefficients are for other figures than this version computes")
        for weights in (self.even_mean, self.even_scale, self.static, self.passing, self.turned):
            if len(weights) != len(EVEN):
                raise ValueError(f"the gate's coefficients have {len(weights)} even weights, not {len(EVEN)}")
        if len(self.odd_scale) != len(ODD) or len(self.inwards) != len(ODD):
            raise ValueError("the gate's coefficients have another number of odd weights")


def log_evidence(found: Figures, coefficients: Coefficients) -> Floats:
    """Return log likelihoods [hearing, CLASSES], up to a constant per hearing.

    The shares of the classes in training are taken out: what a gate expects is its own setting.
    """
    even = (found.even - np.array(coefficients.even_mean)) / np.array(coefficients.even_scale)
    odd = found.odd / np.array(coefficients.odd_scale)
    static, passing, turned = (
        even @ np.array(weights) + bias
        for weights, bias in zip(
            (coefficients.static, coefficients.passing, coefficients.turned), coefficients.bias, strict=True
        )
    )
    inwards = odd @ np.array(coefficients.inwards)
    scores = np.stack([static, passing + inwards, passing - inwards, turned], axis=1)
    return normalised(scores) - np.log(coefficients.prior)


def normalised(scores: Floats) -> Floats:
    """Return scores as log probabilities over the last axis."""
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


def vote(evidence: Floats, middle_s: Floats, moved_prior: float) -> Floats:
    """Return the probabilities [hearing, CLASSES] of tags that may share a carrier.

    Args:
        evidence: :func:`log_evidence` of the tags.
        middle_s: when each hearing was loudest. Tags of one carrier are loud together; a stray may be at
            any time.
        moved_prior: how likely a tag that is heard goes with a carrier, before anything is known.
    """
    lies = evidence[:, STATIC] + np.log1p(-moved_prior)
    goes = evidence[:, WAYS] + np.log(moved_prior)
    carried = 1.0 - stray_alone(evidence, moved_prior)
    if carried.sum() > 1.0:
        order = np.argsort(middle_s)
        weight = np.cumsum(carried[order])
        carrier_s = middle_s[order][np.searchsorted(weight, weight[-1] / 2)]
        together = -0.5 * ((middle_s - carrier_s) / TOGETHER_S) ** 2 + math.log(CHANCE_S / TOGETHER_S)
        goes = goes + together[:, None]
    carrier = normalised(np.logaddexp(lies[:, None], goes).sum(axis=0))
    stays_if = lies[:, None] - np.logaddexp(lies[:, None], goes)
    stays = np.logaddexp.reduce(carrier + stays_if, axis=1)
    moves = carrier + np.log(-np.expm1(np.minimum(stays_if, -1e-12)))
    chances: Floats = np.exp(np.concatenate([stays[:, None], moves], axis=1))
    return chances


def stray_alone(evidence: Floats, moved_prior: float) -> Floats:
    """Return the probability [hearing] that each tag lies there, judged without its neighbours."""
    scores = evidence + np.log([1.0 - moved_prior, *[moved_prior / len(WAYS)] * len(WAYS)])
    stray: Floats = np.exp(normalised(scores)[:, STATIC])
    return stray

"""The figures of the presence filter, in one place.

Most are published or measured (see docs/sensing.md); those marked *tuned* were chosen on simulated stores with
seeds 1 to 10 and nothing else. Rates are per antenna cycle, evidence is in nats.
"""

from typing import Final

import numpy as np

BLOCKS_DB: Final = np.array([0.0, -3.0, -6.0, -9.0, -13.0, -18.0, 0.0, 0.0])
BLOCKS_SHARE: Final = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.55, 0.25])
"""What may befall all tags of a zone at an antenna: how much weaker they become, and what share of their reads is
left at the same level. The first is nothing, then come bodies, then interference or a reader that is busy."""

BODY_COMES: Final = 1 / 60
BODY_GOES: Final = 1 / 8

SENSITIVITY_DBM: Final = -70.0
SLOPE_DB: Final = 2.0
"""Width of the step from "always answers" to "never answers" around the sensitivity."""

SHADOW_DB: Final = 2.5
"""Spread of a tag's level from one placement to the next."""

TAG_DB: Final = 2.5
KNOWN_TAG_DB: Final = 1.5
"""Spread between tags, and what is left of it once a tag has lain somewhere for a while (tuned)."""

WEAK_SHARE: Final = 0.03
WEAK_DB: Final = 8.0
"""So many tags are this much weaker than the others: bent, cheap or stuck to metal."""

TEMPLATE_DB: Final = 3.5
UNKNOWN_DB: Final = 8.0
"""Spread of levels around those of a zone's other tags, and how far off these are before anything was heard."""

LEAST_SPREAD_DB: Final = 1.8
MOST_SPREAD_DB: Final = 5.0
"""Bounds of the spread of one tag's reads around its own level; learned in between."""

STRAY: Final = 0.006
STRAY_DBM: Final = -67.0
STRAY_DB: Final = 5.0
"""How often an absent tag is heard after all, and how loud."""

HAND_DB: Final = 6.0
HAND_SPREAD_DB: Final = 5.5
HAND_READS: Final = 0.8
"""A tag in a hand is weaker and jumps about; it is read a little less."""

OUTLIER: Final = 12.0
"""Squared deviations count no more than this."""

LIFT: Final = 1 / 3000
LIFT_QUIET: Final = 0.8
LIFT_WITH_BODY: Final = 10.0
LIFT_HINTED: Final = 20.0
"""A tag is lifted this often; less while nobody comes near, far more when somebody just did or when another
sensor saw a hand (tuned)."""
ARRIVAL_FADES: Final = 0.6
LIFT_VOUCHED: Final = 0.1
"""… less where plates weigh the zone and none has become lighter (tuned)."""

NAMELESS: Final = 0.1
"""A tag that carries no GTIN is as likely of a weighed SKU as this part of one that carries its GTIN."""

UNTAGGED: Final = 0.03
"""A weighed removal was by an item whose tag cannot be heard, or of another SKU."""

HAND_LEAVES: Final = 0.3
HAND_BACK: Final = 0.05
HAND_PUTS: Final = 0.03
RETURNS: Final = 1 / 40
APPEARS: Final = 0.3
SLIPS: Final = 1e-6
"""Moves without a hand that was noticed."""

SHADED_MORE: Final = 0.2
SHADED_ENDS: Final = 0.9
SHADED_LEAKS: Final = 0.02

MEMORY: Final = 500.0
LEVEL_MEMORY: Final = 25.0
PRIOR_CYCLES: Final = 8.0
"""Cycles over which a tag's read rate and its level are remembered, and what the zone's own rate is worth."""

SELDOM: Final = 0.002
MOST_READ: Final = 0.985
LEAST_READ: Final = 0.004

SAME_ZONE: Final = 0.75
PLANNED_ZONE: Final = 0.999
"""Prior that a tag lies where it was picked up, and where a planogram or a stock-take put it."""

SURE: Final = 0.95
LIKELY: Final = 0.7
PATIENCE: Final = 6
NEW_PATIENCE: Final = 4
"""A tag is given a zone when it is this sure, or after so many cycles; fewer when nothing is known of it yet."""

RETRO: Final = 2.5
KNOWN_READS: Final = 5.0
"""Evidence that a tag was put down anew although its absence was not noticed (tuned), and how often it must
have been heard before."""

"""Every figure of the sensing physics, with the defaults of the project's noise model.

Radio figures are partly measured on UHF readers (reads per second, RSSI spread, duplicates) and partly
reasoned (body blocking, drop-outs); load-cell figures are those of practical small load cells. Each can
be set in a scenario file under ``[radio]`` and ``[scale]``.
"""

import msgspec


class RadioNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a reader sees tags when noise is on.

    Attributes:
        reads_per_s: what one reader singulates with many tags in its field.
        tag_reads_per_s: what one tag alone gives at most.
        dwell_ms: how long a reader with several antennas stays on one.
        sensitivity_dbm: half of the tags at this level answer.
        energise_slope_db: width of the step around the sensitivity.
        own_dbm, adjacent_dbm, far_dbm: mean RSSI of a tag in the antenna's own zone, in a zone beside
            it, and further away.
        adjacent_m: zones whose centres are nearer than this are adjacent.
        cross_read_share: part of the reads another zone's antenna gets of a tag; low, because a tag
            that its own antenna has just singulated stays quiet for a while (Gen2 session flag).
        tag_spread_db, weak_share, weak_db: spread between tags, share of weak tags, how much weaker.
        shadow_db: spread of the placement, drawn again at each put-back.
        fading_db, fading_rho_per_s: slow fading, AR(1).
        read_spread_db: spread of successive reads.
        phase_spread_rad: spread of the phase on one channel.
        pick_block_share, pick_block_db, pick_block_s: a picking shopper's body in front of the antenna.
        visitor_block_db, visitor_block_median_s, visitor_block_sigma, visitor_block_every_s: other shoppers
            standing there, for a log-normal time.
        block_tag_factor: share of the blocking each tag gets.
        oblique_block_share: share of it for tags and antennas that the body is not right between.
        hand_db, hand_spread_db, hand_s: a tag in the hand near its shelf.
        dropouts_per_h, dropout_s: a reader that says nothing for seconds.
        long_dropouts_per_day, long_dropout_s: and for minutes.
        duplicate_share: reads reported twice.
        ghost_share: reads with a bit error that passed the tag's CRC.
    """

    reads_per_s: float = 120.0
    tag_reads_per_s: float = 70.0
    dwell_ms: int = 200
    sensitivity_dbm: float = -70.0
    energise_slope_db: float = 1.5
    own_dbm: float = -54.0
    adjacent_dbm: float = -69.0
    far_dbm: float = -76.0
    adjacent_m: float = 2.5
    cross_read_share: float = 0.03
    tag_spread_db: float = 2.5
    weak_share: float = 0.03
    weak_db: float = 8.0
    shadow_db: float = 2.5
    fading_db: float = 1.2
    fading_rho_per_s: float = 0.97
    read_spread_db: float = 1.3
    phase_spread_rad: float = 0.3
    pick_block_share: float = 0.6
    pick_block_db: tuple[float, float] = (3.0, 12.0)
    pick_block_s: tuple[float, float] = (4.0, 12.0)
    visitor_block_db: tuple[float, float] = (6.0, 18.0)
    visitor_block_median_s: float = 8.0
    visitor_block_sigma: float = 0.6
    visitor_block_every_s: tuple[float, float] = (35.0, 90.0)
    block_tag_factor: tuple[float, float] = (0.4, 1.0)
    oblique_block_share: float = 0.5
    hand_db: float = 6.0
    hand_spread_db: float = 5.0
    hand_s: tuple[float, float] = (1.0, 5.0)
    dropouts_per_h: float = 4.0
    dropout_s: tuple[float, float] = (3.0, 9.0)
    long_dropouts_per_day: float = 1.0
    long_dropout_s: tuple[float, float] = (60.0, 600.0)
    duplicate_share: float = 0.01
    ghost_share: float = 1e-5


class ScaleNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a plate weighs when noise is on.

    Attributes:
        item_spread: standard deviation of the weight of units of one SKU, as a share.
        white_g: standard deviation of a reading.
        walk_g_per_sqrt_s: random walk of the zero.
        sine_g, sine_period_s: slow swing of the zero, peak to peak.
        vibration_every_s, vibration_g, vibration_hz, vibration_decay_s: bursts from steps and doors.
        hand_g, hand_s: force of a hand on the plate (half a sine) and how long it lasts.
        ring_share, ring_hz, ring_decay_s: the plate rings after a unit is lifted or set down.
        stable_range_g, stable_s: the scale says stable when its readings stayed in this range this long.
        hold_g: a stable scale holds what it shows until its readings have wandered off by this much.
    """

    item_spread: float = 0.002
    white_g: float = 0.3
    walk_g_per_sqrt_s: float = 0.02
    sine_g: float = 3.0
    sine_period_s: float = 1800.0
    vibration_every_s: tuple[float, float] = (6.0, 15.0)
    vibration_g: tuple[float, float] = (1.0, 8.0)
    vibration_hz: tuple[float, float] = (6.0, 22.0)
    vibration_decay_s: float = 0.5
    hand_g: tuple[float, float] = (-400.0, 250.0)
    hand_s: tuple[float, float] = (0.3, 1.2)
    ring_share: float = 0.12
    ring_hz: float = 12.0
    ring_decay_s: float = 0.12
    stable_range_g: float = 2.0
    stable_s: float = 0.4
    hold_g: float = 0.5


class CounterNoise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a people counter gets wrong when ``counter_errors`` is on.

    Attributes:
        miss_share: children and low objects it does not see.
        double_share: arms and bags it counts as a second person.
        merge_share, merge_s: a second person this soon after another is not told apart.
    """

    miss_share: float = 0.03
    double_share: float = 0.02
    merge_share: float = 0.25
    merge_s: float = 0.35

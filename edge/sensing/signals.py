"""What devices say outright and nobody has to infer: inputs, barcodes, confirmed labels, presented tags.

An input is an observation when its level changes; the first level ever heard is one too. A tag on an
enrolment antenna is presented once: it must be away for a moment before it is presented again, and a
tag farther than the plate (weaker than ``min_rssi_dbm``) is a neighbour, not an offer. Readers of an
enrolment station sense no zone. Reports that a device numbered and that never came are an alert.
"""

from typing import Final

import msgspec

from contract.messages import Alert, AnyObservation, BarcodeScanned, InputChanged, LabelShown, TagPresented
from edge.model import BarcodeRead, InputRead, LabelRead, Place, Read, StatusRead, TagRead

MAX_PRESENTED: Final = 2_000
MAX_CODE: Final = 200


class EnrolmentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of enrolment stations.

    Attributes:
        min_rssi_dbm: a weaker tag is not taken for presented; a report without RSSI is.
        away_ms: after this long without a read the same tag is presented anew.
    """

    min_rssi_dbm: float = -55.0
    away_ms: int = 3_000


class SignalState(msgspec.Struct, frozen=True):
    """State of the stage.

    Attributes:
        inputs: "device/port" → level as last told.
        presented: "device/EPC/TID" → last read on the plate, in ms.
    """

    inputs: dict[str, bool] = {}
    presented: dict[str, int] = {}


def sense_signals(
    state: SignalState, reads: list[Read], now: int, *, place: Place, settings: EnrolmentSettings
) -> tuple[SignalState, list[AnyObservation]]:
    """Fold reads into the state; return it with what devices said."""
    inputs, presented = dict(state.inputs), dict(state.presented)
    observations: list[AnyObservation] = []
    for read in reads:
        match read:
            case InputRead(device=device, port=port, high=high):
                key = f"{device}/{port}"
                if inputs.get(key) != high:
                    inputs[key] = high
                    observations.append(InputChanged(at=read.at, device=device, port=port, high=high))
            case BarcodeRead(device=device, code=code) if code:
                observations.append(BarcodeScanned(at=read.at, device=device, code=code[:MAX_CODE]))
            case StatusRead(device=device, what="gap", detail=detail):
                observations.append(Alert(at=read.at, device=device, code="reports_lost", text=detail))
            case LabelRead():
                observations.append(
                    LabelShown(
                        at=read.at,
                        device=read.device,
                        mac=read.mac,
                        sku=read.sku,
                        price=read.price,
                        currency=read.currency,
                    )
                )
            case TagRead(device=device) if device in place.stations:
                if read.rssi_dbm is not None and read.rssi_dbm < settings.min_rssi_dbm:
                    continue
                key = f"{device}/{read.epc}/{read.tid or ''}"
                last = presented.pop(key, None)
                presented[key] = read.at
                if last is None or read.at - last >= settings.away_ms:
                    observations.append(
                        TagPresented(
                            at=read.at,
                            device=device,
                            epc=read.epc,
                            tid=read.tid,
                            antenna=read.antenna,
                            rssi_dbm=read.rssi_dbm,
                        )
                    )
            case _:
                pass
    presented = {key: last for key, last in presented.items() if now - last < settings.away_ms}
    while len(presented) > MAX_PRESENTED:
        del presented[next(iter(presented))]
    return SignalState(inputs, presented), observations

"""How numpy arrays lie in a checkpoint: type, shape and bytes, floats in half the width."""

from typing import Any

import numpy as np


def pack_array(value: Any) -> Any:
    """Encode an array; the ``enc_hook`` of a checkpoint's encoder.

    Raises:
        NotImplementedError: something else that msgspec does not know.
    """
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"no way to store a {type(value).__name__}")
    narrow = value.astype(np.float32) if value.dtype == np.float64 else value
    return [narrow.dtype.str, narrow.shape, narrow.tobytes()]


def unpack_array(_type: Any, stored: Any) -> Any:
    """Decode an array; the ``dec_hook`` of a checkpoint's decoder.

    Raises:
        ValueError: what is stored is no array.
    """
    kind, shape, content = stored
    array = np.frombuffer(content, dtype=np.dtype(kind)).reshape(shape)
    return array.astype(np.float64) if array.dtype == np.float32 else array.copy()

"""Read a pickled numpy array without running what else a pickle may ask for."""

import io
import pickle  # noqa: S403 (only ever through the restricted class below)

import numpy as np

from demo.errors import DemoError

# The three names that numpy writes into every array pickle. Old pickles say `numpy.core`; numpy 2 says `numpy._core`.
ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
}


class ArrayUnpickler(pickle.Unpickler):  # noqa: S301 (it admits four names, none of which runs code)
    """Admits the names an array needs and refuses every other."""

    def find_class(self, module: str, name: str) -> object:
        """The admitted object, or an error naming the refused one.

        Raises:
            DemoError: The pickle asks for anything but an array.
        """
        if (module, name) not in ADMITTED:
            raise DemoError(f"refused to load {module}.{name} from a pickle that should hold only a numpy array")
        return super().find_class(*ADMITTED[module, name])


def array_from_pickle(data: bytes) -> np.ndarray:
    """The array pickled in `data`.

    Raises:
        DemoError: The pickle holds, or asks for, something else.
    """
    array = ArrayUnpickler(io.BytesIO(data)).load()
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        raise DemoError("refused a pickle that does not hold one plain numpy array")
    return array

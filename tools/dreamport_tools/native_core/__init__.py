"""The native core from Python: what engines load, behind thin classes. For tests and measurements; scripts
use ``PlayClient``.

::

    library = NativeLibrary.load(path)
    with NativeClient(library, "127.0.0.1:50700", depth=True) as client:
        client.wait_ready()
        client.control(buttons=1)
        frame = client.acquire()
"""

from dreamport_tools.native_core.client import NativeClient, NativeFrame, NativeQuery
from dreamport_tools.native_core.library import NativeError, NativeLibrary, Problem, State
from dreamport_tools.native_core.recorder import CaptureBuffer, NativeRecorder

__all__ = [
    "CaptureBuffer",
    "NativeClient",
    "NativeError",
    "NativeFrame",
    "NativeLibrary",
    "NativeQuery",
    "NativeRecorder",
    "Problem",
    "State",
]

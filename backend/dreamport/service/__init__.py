"""The gRPC service: sessions, pacing, leases, transports, session log and replay."""

from dreamport.service.capture_client import CaptureClient, CaptureError, Recorder
from dreamport.service.client import PlayClient, PlayedFrame, PlayError, PlayStream
from dreamport.service.options import ServerOptions, ServerOptionsError
from dreamport.service.replay import ReplayResult, replay
from dreamport.service.server import PlayServer, ServerStartError, ServerStatus, running_server, serve
from dreamport.service.training_client import TrainingCallError, TrainingClient

__all__ = [
    "CaptureClient",
    "CaptureError",
    "PlayClient",
    "PlayError",
    "PlayServer",
    "PlayStream",
    "PlayedFrame",
    "Recorder",
    "ReplayResult",
    "ServerOptions",
    "ServerOptionsError",
    "ServerStartError",
    "ServerStatus",
    "TrainingCallError",
    "TrainingClient",
    "replay",
    "running_server",
    "serve",
]

"""Sessions on several workers behind one address: a gateway hands each client the address of its worker."""

from dreamport.service.placement.gateway import Gateway, running_gateway
from dreamport.service.placement.workers import (
    Cluster,
    Refused,
    SessionReport,
    WorkerGreeting,
    WorkerHandle,
    WorkerLostError,
    WorkerReport,
)

__all__ = [
    "Cluster",
    "Gateway",
    "Refused",
    "SessionReport",
    "WorkerGreeting",
    "WorkerHandle",
    "WorkerLostError",
    "WorkerReport",
    "running_gateway",
]

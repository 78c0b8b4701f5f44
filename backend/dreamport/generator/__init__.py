"""The causal generator: schedule, cache, memory, motion, chunk loop, snapshots. It knows no torch and no
gRPC.
"""

from dreamport.generator.chunks import ChunkGenerator
from dreamport.generator.generator import Generator
from dreamport.generator.types import FrameControl, GeneratedFrame, WorldGenerator

__all__ = ["ChunkGenerator", "FrameControl", "GeneratedFrame", "Generator", "WorldGenerator"]

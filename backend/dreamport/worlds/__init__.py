"""World packs: the manifest, the files, the catalogue."""

from dreamport.worlds.catalogue import Catalogue, WorldEntry, find_world, open_pack, user_worlds_path
from dreamport.worlds.contract import GRAPHS, Signature, TensorSpec, signatures
from dreamport.worlds.image_start import ImageStart
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack, write_pack
from dreamport.worlds.views import Start, Views, ViewsBuilder
from dreamport.worlds.weights import Weights

__all__ = [
    "GRAPHS",
    "Catalogue",
    "ImageStart",
    "Signature",
    "Start",
    "TensorSpec",
    "Views",
    "ViewsBuilder",
    "Weights",
    "WorldEntry",
    "WorldManifest",
    "WorldPack",
    "find_world",
    "open_pack",
    "signatures",
    "user_worlds_path",
    "write_pack",
]

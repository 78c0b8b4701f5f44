"""Errors that Dreamport raises. Each message says what was wrong, where, and what to do."""


class DreamportError(Exception):
    """Base of every error that is meant to be shown to a person as it stands."""


class PackError(DreamportError):
    """A world pack is malformed, incomplete, too large or does not match its digests."""


class WorldNotFoundError(DreamportError):
    """No world of that name is in the catalogue."""


class ExecutorError(DreamportError):
    """An executor cannot be started, or a graph failed while it ran."""


class ControlError(DreamportError):
    """A control is outside the world's control schema, or holds a value that is not finite."""


class SnapshotError(DreamportError):
    """A snapshot does not belong to this world, or its bytes are damaged."""


class SessionLogError(DreamportError):
    """A session log cannot be read, or was made with another pack, version or executor."""


class DatasetError(DreamportError):
    """A data set or an episode is incomplete or does not follow the layout."""


class DiskFullError(DatasetError):
    """There is no space left for a recording; what was acknowledged is kept."""


class TrainingError(DreamportError):
    """A training run cannot go on as it is: a loss that is not finite, processes that do not fit, a
    checkpoint of another configuration."""


class TrainingStopped(DreamportError):
    """A training run was asked to stop and has saved its place; the message says how to go on."""


class MissingExtraError(DreamportError):
    """A command needs an optional part of the install; the message holds the pip command."""


class DesktopCaptureError(DreamportError):
    """The desktop cannot be recorded: no window, no screen, no consent, or a setting that makes no sense."""

"""What can keep a real server from being there, in words a person can act on."""


class PartMissing(Exception):
    """A part that has to be fetched or installed first can't be had here: Java, a jar, room on the disk."""


class NotStarted(Exception):
    """The parts are all there, yet the server did not come up; the message ends with what its log says."""


class FolderRefused(Exception):
    """The data folder that was named can't be used: it is somebody else's, in use, or can't be written."""

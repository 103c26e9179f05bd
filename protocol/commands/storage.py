"""What is said of where material lies."""

from protocol.commands.base import Command, Number, Text


class StoreMaterial(Command):
    """Material was put into another storage position."""

    materials: tuple[str, ...]
    position: Number
    reason: Text


StorageCommand = StoreMaterial

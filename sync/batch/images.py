"""Finds the image that a row names, and only inside the folder that was given for images.

A file of rows may come from anywhere. It must not be able to send what else lies on this device.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from sync.errors import InputRefused, Problem, shown


class ImageFolder:
    """`root` is the folder itself; it may be a link, what is in it may not lead out."""

    def __init__(self, root: Path) -> None:
        """
        Raises: InputRefused, where there is no such folder.
        """
        try:
            self._root = root.resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            self._root = root
        if not self._root.is_dir():
            message = f"{shown(str(root))} is no folder. Give the one that the images are in."
            raise InputRefused([Problem("--images", "images_not_found", message)])

    def find(self, name: str) -> Path:
        """The file called `name`, which may be in a folder of its own (`monday/17.png`).

        Whether it is an image is for `sync.image` to see.
        Raises: InputRefused, with one problem.
        """
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            if path.is_absolute() or path.drive or path.root or ".." in path.parts:
                message = f"The image {shown(name)} must be named from the folder of images on: no .., no whole path."
                raise _refused("image_outside", message)
        try:
            found = (self._root / name).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            message = (
                f"There is no image {shown(name)} in the folder of images. Put it there, or correct its name."
            )
            raise _refused("image_not_found", message) from None
        if not found.is_relative_to(self._root):
            message = f"The image {shown(name)} is a link that leads out of the folder of images. Copy the file there."
            raise _refused("image_outside", message)
        return found


def _refused(code: str, message: str) -> InputRefused:
    return InputRefused([Problem("$.signature", code, message)])

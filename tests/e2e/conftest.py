"""Fixtures that several end-to-end tests share: registered here once, so that each server starts once a run."""

from tests.support.left_behind import scratch
from tests.support.seaweedfs import seaweedfs

__all__ = ["scratch", "seaweedfs"]

"""Why a bundle is refused: each reason has a stable code, and none quotes what is inside."""

from __future__ import annotations

from sync.errors import SyncProblem


class BundleRefused(SyncProblem):
    """A bundle cannot be read or taken in. Nothing of it was stored."""

    code = "bundle_refused"


class NotABundle(BundleRefused):
    """The file is something else."""

    code = "not_a_bundle"


class WrongSecret(BundleRefused):
    """The passphrase or key is not the one that the bundle was sealed for."""

    code = "wrong_secret"


class SecretUnusable(BundleRefused):
    """What was given as a passphrase or a key is none."""

    code = "secret_unusable"


class BundleDamaged(BundleRefused):
    """The bundle was cut, changed or put together from several."""

    code = "bundle_damaged"


class BundleNewer(BundleRefused):
    """The bundle was made by a newer program, or holds a kind that this one does not know."""

    code = "bundle_newer"


class BundleConflict(BundleRefused):
    """An entry of the bundle has an id that belongs to other content here."""

    code = "bundle_conflict"

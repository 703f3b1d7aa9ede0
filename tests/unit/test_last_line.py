"""The last line of the technician's page: three fixed sentences, and which of them when."""

from __future__ import annotations

import pytest

from sync.last_line import last_line


@pytest.mark.parametrize(
    ("kept", "sign_in", "french", "english"),
    [
        pytest.param(
            0,
            False,
            "Tout est parti. Vous pouvez éteindre.",
            "Everything has gone. You can switch off.",
            id="all-gone",
        ),
        pytest.param(
            1,
            False,
            "1 enregistrée sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette.",
            "1 saved on this device: you can switch off, do not reset the tablet.",
            id="one-kept",
        ),
        pytest.param(
            7,
            False,
            "7 enregistrées sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette.",
            "7 saved on this device: you can switch off, do not reset the tablet.",
            id="several-kept",
        ),
        pytest.param(
            7,
            True,
            "Session expirée : vos saisies sont gardées. Reconnectez-vous.",
            "Session expired: your entries are kept. Sign in again.",
            id="sign-in",
        ),
        pytest.param(
            0,
            True,
            "Tout est parti. Vous pouvez éteindre.",
            "Everything has gone. You can switch off.",
            id="nothing-waits-for-the-sign-in",
        ),
    ],
)
def test_last_line_is_one_of_three_sentences(kept: int, sign_in: bool, french: str, english: str) -> None:
    assert last_line(kept, sign_in, "fr") == french
    assert last_line(kept, sign_in, "en") == english


def test_last_line_knows_no_third_language() -> None:
    with pytest.raises(KeyError):
        last_line(0, False, "de")

"""What an entry has used up of our patience, and how it starts anew: the columns of each kind of fresh start."""

from __future__ import annotations

from typing import Final

# Another step, or another way, is another thing that is tried.
TRIES: Final = {"attempts": 0, "first_attempt_at": None, "link_failures": 0}
# A person or a repair knows why it is worth trying now: no wait is left, and no place behind others.
FRESH: Final = {**TRIES, "due_at": 0, "yields": 0}
# The patience with a later doubt has nothing to do with one that was ended.
FRESH_LOOKS: Final = {"lookups": 0, "doubt_waited_ms": 0}
# The URL itself comes first again: what was wrong with it may have been put right.
FRESH_URL: Final = {"upload_way": None, "url_trouble": None, "url_reissues": 0}

"""The key that the server of the tests has published."""

from __future__ import annotations

from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication

KEY = "sk-svcacct-made-up"
PUBLICATION = Publication(7, Secret(KEY), 1000.0, "key_abc")
TAG = PUBLICATION.tag
FRESH = KeyView("billing", KeyStatus.FRESH, PUBLICATION)

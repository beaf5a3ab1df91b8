from __future__ import annotations

from tools.transition_table import BEGIN, DESIGN, section


def test_the_table_in_the_design_is_what_the_code_does() -> None:
    assert section() in DESIGN.read_text().partition(BEGIN)[2], "run `make table`"

from tools.event_words import WORDS
from tools.events_page import NO_EVENTS, PAGE, events, names, page


def test_every_event_of_the_code_is_on_the_page_and_no_other() -> None:
    assert events().keys() == WORDS.keys()


def test_no_event_is_missed_because_of_how_it_is_told() -> None:
    assert names() - NO_EVENTS == WORDS.keys()


def test_the_page_is_new() -> None:
    assert PAGE.read_text() == page(), "run `make events`"


def test_levels_and_fields_are_those_of_the_code() -> None:
    found = events()
    assert found["key.published"].audited
    assert list(found["key.published"].fields) == [
        *("generation", "reason", "expires_in", "expires_at")
    ]
    assert found["key.withdrawn"].levels == {"info", "warning"}
    assert found["reload.refused"].levels == {"error"}
    assert not found["vault.away"].audited

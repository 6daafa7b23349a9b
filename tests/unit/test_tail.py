"""The bounded log of a build."""

from abaco_server.builds.tail import Tail


def filled(limit, *parts):
    tail = Tail(limit)
    for part in parts:
        tail.append(part)
    return tail


def test_short_text_is_kept_whole():
    tail = filled(10, "ab", "", "cd")
    assert (tail.text, tail.start, tail.end) == ("abcd", 0, 4)


def test_the_end_is_kept_and_the_note_says_how_much_is_left_out():
    tail = filled(5, "abc", "defg", "hij")
    assert tail.text == "[the first 5 characters are left out]\nfghij"
    assert (tail.start, tail.end) == (5, 10)


def test_one_part_longer_than_the_limit():
    assert filled(3, "abcdef").since(0) == (3, "def")


def test_offsets_stay_true():
    tail = filled(5, "abc", "defg", "hij")
    assert tail.since(0) == (5, "fghij")
    assert tail.since(7) == (7, "hij")
    assert tail.since(10) == (10, "")
    assert tail.since(99) == (10, "")


def test_text_that_was_stored_gives_the_same_offsets():
    for tail in (filled(5, "abc", "defg", "hij"), filled(50, "abc\n"), filled(5)):
        again = Tail.read(tail.text)
        assert (again.start, again.end, again.text) == (tail.start, tail.end, tail.text)


def test_the_last_lines_are_those_with_something_in_them():
    tail = filled(100, "one\n\ntwo\n  \nthree\n\n")
    assert tail.lines(2) == "two\nthree"
    assert tail.lines(9) == "one\ntwo\nthree"

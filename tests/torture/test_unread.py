"""What the broker says: a committed offset that goes back is named."""

from aiokafka import TopicPartition

from tests.torture.unread import Unread

HERE = TopicPartition("lms.laurel", 1)


def test_a_committed_offset_that_goes_back_is_named_and_one_that_goes_on_is_not() -> None:
    with Unread("127.0.0.1:1", "torture", {"lms.laurel": 2}) as unread:
        for at in (0, 7, 7, 12):
            unread._note(HERE, at)
        assert unread.went_back == []

        unread._note(HERE, 5)
        unread._note(HERE, 6)

    (sentence,) = unread.went_back
    assert "had committed 12 of lms.laurel 1, and says 5" in sentence

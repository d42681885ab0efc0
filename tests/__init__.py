"""Tests, as the users of Laurel would try it."""

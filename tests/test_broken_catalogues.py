"""Broken catalogues: each is refused with just the sentences that tests/catalogues/broken.txt has for it."""

from pathlib import Path

import pytest

from tests.test_catalogue_file import CATALOGUES, HEAD, badge, refused

_, *BROKEN = (CATALOGUES / "broken.txt").read_text().split("\n# ")
CASES = [case.strip().splitlines() for case in BROKEN]
NEW_CRITERIA = ("course_completed", "participated", "prior_learning", "not", "before", "within", "weighted_grade")


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_it_is_refused_and_says_just_this(tmp_path: Path, case: list[str]) -> None:
    _, criteria, *faults = case

    assert faults
    assert refused(tmp_path, HEAD + badge(criteria) + badge(name="other") + badge(name="third")) == faults


def test_there_are_enough_of_them_and_every_criterion_is_broken_once() -> None:
    written = [criteria for _, criteria, *_ in CASES]

    assert len(written) > 20
    assert [name for name in NEW_CRITERIA if not any(f"{name}: " in criteria for criteria in written)] == []

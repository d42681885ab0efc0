"""Findings: what the verifier counts, and the few sentences of it that are shown."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T", bound=Hashable)

SHOWN = 12
SHOWN_CHARACTERS = 400


@dataclass(slots=True)
class Findings:
    """What is not there, what should not be there, and what has had its effect more than once."""

    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    ledger_alone: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.unexpected or self.duplicates)

    def __str__(self) -> str:
        return f"lost={len(self.lost)} unexpected={len(self.unexpected)} duplicate_effects={len(self.duplicates)}"

    def sentences(self, most: int | None = SHOWN) -> list[str]:
        """The first of each kind, or all of them."""
        kinds = (("lost", self.lost), ("unexpected", self.unexpected), ("duplicate", self.duplicates))
        return [f"{name}: {sentence:.{SHOWN_CHARACTERS}}" for name, found in kinds for sentence in found[:most]]

    def count(self, what: str, number: int) -> None:
        """Say how much was compared: nothing compared is nothing proved."""
        name, _, _ = what.partition(" in partition")
        self.compared[name] = self.compared.get(name, 0) + number

    def multisets(self, what: str, expected: Counter[T], found: Counter[T], told: Callable[[T], str] = str) -> None:
        """Hold what is there against what must be, each as often as it must."""
        self.count(what, expected.total())
        for one in expected.keys() | found.keys():
            must, has = expected[one], found[one]
            if has < must:
                self.lost.extend([f"{what}: {told(one)}"] * (must - has))
            elif has > must:
                (self.duplicates if must else self.unexpected).extend([f"{what}: {told(one)}"] * (has - must))

    def mappings(self, what: str, expected: Mapping[Any, object], found: Mapping[Any, object]) -> None:
        """Hold keys and values against each other; another value than the right one is an unexpected one."""
        self.count(what, len(expected))
        for one in expected.keys() | found.keys():
            if one not in found:
                self.lost.append(f"{what}: {one} is not there")
            elif one not in expected:
                self.unexpected.append(f"{what}: {one} should not be there")
            elif expected[one] != found[one]:
                self.unexpected.append(f"{what}: {one} is {found[one]} and should be {expected[one]}")

    def must(self, what: str, wrong: Iterable[str]) -> None:
        """Take down what is simply wrong."""
        self.unexpected.extend(f"{what}: {sentence}" for sentence in wrong)

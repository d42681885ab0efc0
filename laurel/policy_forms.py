"""The policies of a catalogue file: how authors write how long a credential is valid, and when it is taken back."""

import re
from datetime import date, tzinfo
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import BeforeValidator, Discriminator, Field, WithJsonSchema

from laurel.criterion_values import YEARS_OF_DAYS, LengthForm, SomeLength
from laurel.shapes import Form, named, refusal, tag
from rules.lengths import Length
from rules.policies import Policy
from rules.validity import Validity, until_day, until_next

_UNITS: Final = ("years", "months", "days")
_LENGTH: Final = "`{months: 24}`"
_VALID_FOR: Final = "`{months: 24}`, `{until: 2027-08-31}` or `{next: 08-31}`"


def _length(value: object) -> object:
    if not isinstance(value, dict) or not value:
        cure = f"Write it in years, months and days, such as {_LENGTH}."
        raise refusal(f"is {named(value)}, and must be a length of time.", cure)  # type: ignore[arg-type]  # plain
    return value


def _validity(value: object) -> object:
    if not isinstance(value, dict) or not value:
        problem = f"is {named(value)}, and must say how long."  # type: ignore[arg-type]  # plain
        raise refusal(problem, f"Write a length, a day or a day of the year, such as {_VALID_FOR}.")
    ways = [key for key in ("until", "next") if key in value]
    ways += [key for key in _UNITS if key in value][:1]
    if len(ways) > 1:
        raise refusal(f"says {' and '.join(ways)}, and it ends in one way.", f"Write one of {_VALID_FOR}.")
    return value


def _day(value: object) -> str:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and re.fullmatch(_DAY, value) else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS_OF_DAYS:
        years = f"{YEARS_OF_DAYS.start} to {YEARS_OF_DAYS.stop - 1}"
        problem = f"is {named(value)}, and must be a day of the years {years}."  # type: ignore[arg-type]  # plain
        raise refusal(problem, "Write year, month and day, such as 2027-08-31.")
    return day.isoformat()


def _day_of_year(value: object) -> str:
    # 2001 has no 29 February: a day of every year is asked for.
    try:
        day = (
            date.fromisoformat(f"2001-{value}") if isinstance(value, str) and re.fullmatch(_MONTH_DAY, value) else None
        )
    except ValueError:
        day = None
    if day is None:
        problem = f"is {named(value)}, and must be a day that every year has."  # type: ignore[arg-type]  # plain
        raise refusal(problem, "Write month and day, such as 08-31.")
    return f"{day.month:02}-{day.day:02}"


def _policy(value: object) -> object:
    if isinstance(value, dict):
        if value.keys() == {"revoke"}:
            return value
        problem, cure = "has conditions that are not understood", "Write `keep`, `revoke` or"
        raise refusal(f"{problem}.", f"{cure} `{{revoke: {{grace: {{days: 14}}}}}}`.")
    return value


def _once(value: object) -> object:
    if value == "once":
        return value
    cure = "Write `multiplicity: once`, or leave it out."
    if isinstance(value, dict) or value == "per":
        raise refusal("asks for one award a period, which is not understood yet.", cure)
    raise refusal(f"is {named(value)}, and only `once` is understood.", cure)  # type: ignore[arg-type]  # plain


_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MONTH_DAY: Final = r"[0-9]{2}-[0-9]{2}"
_DAY_SCHEMA: Final = {"type": "string", "pattern": f"^{_DAY}$"}
_MONTH_DAY_SCHEMA: Final = {"type": "string", "pattern": f"^{_MONTH_DAY}$"}


class UntilForm(Form):
    until: Annotated[
        str,
        BeforeValidator(_day),
        WithJsonSchema(_DAY_SCHEMA),
        Field(description="The last day on which it is valid, for everyone", examples=["2027-08-31"]),
    ]


class NextForm(Form):
    next: Annotated[
        str,
        BeforeValidator(_day_of_year),
        WithJsonSchema(_MONTH_DAY_SCHEMA),
        Field(description="Valid until the end of the next such day", examples=["08-31"]),
    ]


class GraceForm(Form):
    grace: Annotated[
        SomeLength,
        BeforeValidator(_length),
        Field(description="How long it stays all the same", examples=[{"days": 14}]),
    ]


class RevokeForm(Form):
    revoke: Annotated[GraceForm, Field(examples=[{"grace": {"days": 14}}])]


def _validity_tag(value: object) -> str:
    keys = value.keys() if isinstance(value, dict) else ()
    return tag("until" if "until" in keys else "next" if "next" in keys else "length").tag


def _policy_tag(value: object) -> str:
    return tag("conditions" if isinstance(value, dict) else "word").tag


ValidFor: TypeAlias = Annotated[
    Annotated[SomeLength, tag("length")] | Annotated[UntilForm, tag("until")] | Annotated[NextForm, tag("next")],
    Discriminator(_validity_tag),
]
# The check stands outside, for `valid_for:` with nothing behind it: who writes that means something.
MaybeValidFor: TypeAlias = Annotated[ValidFor | None, BeforeValidator(_validity)]
WhenNoLongerMet: TypeAlias = Annotated[
    Annotated[Literal["keep", "revoke"], tag("word")] | Annotated[RevokeForm, tag("conditions")],
    Discriminator(_policy_tag),
    BeforeValidator(_policy),
]
Multiplicity: TypeAlias = Annotated[Literal["once"], BeforeValidator(_once)]


def policy_of(form: WhenNoLongerMet) -> tuple[Policy, Length | None]:
    """What follows when the criteria are no longer met, and after which grace."""
    if isinstance(form, RevokeForm):
        return Policy.REVOKE, _length_of(form.revoke.grace)
    return Policy(form), None


def validity_of(form: ValidFor, time_zone: tzinfo) -> Validity:
    """How long a credential is valid; days end where the tenant is."""
    match form:
        case LengthForm():
            return _length_of(form)
        case UntilForm(until=day):
            return until_day(date.fromisoformat(day), time_zone)
        case NextForm(next=day):
            month, number = map(int, day.split("-"))
            return until_next(month, number, time_zone)
        case _:
            assert_never(form)


def _length_of(form: LengthForm) -> Length:
    return Length(**form.model_dump())

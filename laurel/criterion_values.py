"""What stands inside criteria of a catalogue file: percentages, counts, ids, days and lengths of time, each checked."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from laurel.faults import show
from laurel.shapes import Form, Id, named, refusal
from rules.histories import EARLIEST_PARTICIPATIONS

MAX_SCORE_PERCENT: Final = 1000
MAX_TIMES: Final = EARLIEST_PARTICIPATIONS
MAX_LENGTH: Final = 10_000
# Instants of these years are whole numbers that every JSON reader can hold (rules/canonical_json.py).
YEARS_OF_DAYS: Final = range(1970, 2201)
_MOMENT: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+)?)?"
# Without `multipleOf: 0.01`: editors reckon in floats, and refuse 0.07 by it.
_SCORE_SCHEMA: Final = {"type": "number", "minimum": 0, "maximum": MAX_SCORE_PERCENT}


def _credential_id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        suggested = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64] or "data-literacy"
        raise refusal(
            f"is {show(text)}, and ids have at most 64 characters: a to z, 0 to 9, and - inside.",
            f"Write an id such as {suggested}.",
        )
    return text


def hundredths(value: object) -> int:
    """A percentage, exact: from the digits that the author wrote, never through a float."""
    cure = f"Write a number from 0 to {MAX_SCORE_PERCENT} with at most two decimals, such as 70 or 66.5."
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise refusal(f"is {named(value)}, and must be a number of percent.", cure)  # type: ignore[arg-type]  # plain
    if not 0 <= value <= MAX_SCORE_PERCENT:
        raise refusal(f"is {value}, and a percentage must lie between 0 and {MAX_SCORE_PERCENT}.", cure)
    exact = Decimal(value).scaleb(2)
    if exact != int(exact):
        raise refusal(f"is {value}, and scores have at most two decimals.", cure)
    return int(exact)


def weight_value(value: object) -> int:
    """A weight, exact as percentages are, and more than nothing."""
    cure = f"Write a number above 0, at most {MAX_SCORE_PERCENT}, with at most two decimals, such as 40."
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise refusal(f"is {named(value)}, and must be a weight.", cure)  # type: ignore[arg-type]  # plain
    exact = Decimal(value).scaleb(2)
    if not 0 < value <= MAX_SCORE_PERCENT or exact != int(exact):
        raise refusal(f"is {value}, and must be a weight.", cure)
    return int(exact)


def topics_value(value: object) -> object:
    """All, listed ones or a count, and not the number 0."""
    cure = "Write `all`, a list of topic ids, or how many."
    if isinstance(value, bool) or not (value == "all" or isinstance(value, int | list)):
        raise refusal(f"is {named(value)}.", cure)  # type: ignore[arg-type]  # plain
    if isinstance(value, int) and value < 1:
        raise refusal(f"is {value}, and so everyone would earn it.", "Ask for at least 1.")
    return value


def _times(times: int) -> int:
    if times < 1:
        raise refusal(f"is {times}, and so everyone would earn it.", "Ask for at least 1.")
    if times > MAX_TIMES:
        raise refusal(
            f"is {times}, and of participations the first {MAX_TIMES} are remembered.", f"Ask for at most {MAX_TIMES}."
        )
    return times


def _moment(value: object) -> datetime:
    """A day or a time; where it names no zone, it is meant in the tenant's."""
    cure = "Write a day, such as 2026-07-01, or a time, such as 2026-07-01T12:00 or 2026-07-01T12:00:00Z."
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and re.fullmatch(_MOMENT, value) else None
    except ValueError:
        found = None
    if found is None:
        raise refusal(f"is {named(value)}, and must be a day or a time.", cure)  # type: ignore[arg-type]  # plain
    if found.year < YEARS_OF_DAYS.start:
        raise refusal(f"lies before {YEARS_OF_DAYS.start}, and so nobody could earn it.", "Write a later one.")
    if found.year not in YEARS_OF_DAYS:
        raise refusal(f"lies behind {YEARS_OF_DAYS.stop - 1}.", "Write an earlier one, or leave the deadline out.")
    return found


class LengthForm(Form):
    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    years: Annotated[int, Field(ge=0, le=MAX_LENGTH, examples=[1])] = 0
    months: Annotated[int, Field(ge=0, le=MAX_LENGTH, examples=[6])] = 0
    days: Annotated[int, Field(ge=0, le=MAX_LENGTH, examples=[365])] = 0


def _some_length(form: LengthForm) -> LengthForm:
    if not (form.years or form.months or form.days):
        raise refusal("is no length of time.", "Write it like {days: 365}, {months: 6} or {years: 1}.")
    return form


_ID_SCHEMA: Final = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}

Score: TypeAlias = Annotated[
    int, BeforeValidator(hundredths), WithJsonSchema(_SCORE_SCHEMA), Field(description="In percent", examples=[70])
]
BadgeId: TypeAlias = Annotated[str, AfterValidator(_credential_id), WithJsonSchema(_ID_SCHEMA)]
Course: TypeAlias = Annotated[Id, Field(description="One of the ids under `courses`", examples=["DATA101"])]
Weight: TypeAlias = Annotated[
    int,
    BeforeValidator(weight_value),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SCORE_PERCENT}),
    Field(description="Beside the others; they need not add up to 100", examples=[40]),
]
Times: TypeAlias = Annotated[
    int,
    AfterValidator(_times),
    Field(description="How many", json_schema_extra={"minimum": 1, "maximum": MAX_TIMES}, examples=[5]),
]
Moment: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$"}),
    Field(description="A day, by the tenant's time zone, or a time", examples=["2026-07-01"]),
]
SomeLength: TypeAlias = Annotated[LengthForm, AfterValidator(_some_length)]

"""What pages say where something is wrong: sentences, without names of fields, routes and JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from app.kit.language import speaking
from app.web.pages.languages import languages
from app.web.pages.wording import absent, in_words, mistakes
from app.web.problem_types import ApiError, ProblemType, wrong_field


class Way(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class _Form(BaseModel):
    page: int = Field(1, ge=1, le=9)
    holes: bool = False
    name: str = Field("", max_length=3, pattern="^[a-z]*$")
    way: Way = Way.NEWEST
    state: Literal["open", "past"] = "open"
    as_of: AwareDatetime | None = None
    area: str = ""
    matchers: list[str] = Field(["x"], min_length=1)

    @field_validator("area")
    @classmethod
    def _known(cls, text: str) -> str:
        if text == "XX":
            raise ValueError("there is no XX.")
        return text


class _Pair(BaseModel):
    area: str
    item: str
    month: str


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"page": "x"}, "Page: 'x' is no whole number."),
        ({"page": 0}, "Page: '0' is too small: it must be 1 or more."),
        (
            {"page": 10, "holes": "perhaps"},
            "Page: '10' is too large: it must be 9 or less. Rows: 'perhaps' is neither true nor false: write true or false.",
        ),
        ({"name": "abcd"}, "Name: it has more than 3 characters."),
        ({"name": "A"}, "Name: 'A' is none of its values."),
        ({"way": "up"}, "Way: 'up' is none of 'newest' or 'oldest'."),
        ({"state": "gone"}, "State: 'gone' is none of 'open' or 'past'."),
        ({"as_of": "soon"}, "As of: 'soon' is no instant; write it as 2024-01-01T00:00:00Z."),
        ({"area": "XX"}, "Area: there is no XX."),
        ({"matchers": []}, "Matchers: it is empty; name at least one."),
        ({"holes": [1]}, "Rows: '[1]' is neither true nor false."),
        ({"page": "x" * 70}, f"Page: '{'x' * 60}…' is no whole number."),
    ],
)
def test_a_mistake_is_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Form.model_validate(given)
    assert mistakes(raised.value.errors()) == said


def test_what_is_missing_is_said_once_and_first() -> None:
    with pytest.raises(ValidationError) as raised:
        _Pair.model_validate({"month": 1})
    assert mistakes(raised.value.errors()) == ("This has to be named, too: area and item. Month: '1' is no text.")
    one = [{"loc": ("query", "at"), "type": "missing", "msg": ""}]
    assert mistakes(one) == "This has to be named, too: instant."


def test_a_path_that_names_nothing_is_no_mistake_in_a_form() -> None:
    number = {"loc": ("path", "series_id"), "type": "int_parsing", "msg": "", "input": "abc"}
    name = {"loc": ("path", "name"), "type": "string_too_long", "msg": "", "input": "abc"}
    query = {"loc": ("query", "at"), "type": "missing", "msg": ""}
    assert absent([query, number]) == "There is no series 'abc': each series has a number."
    assert absent([name]) == "There is no name 'abc'."
    assert absent([query]) == ""


def test_what_is_wrong_is_said_by_the_names_of_the_page() -> None:
    unknown = wrong_field(ProblemType.UNKNOWN_NAME, "area", "unknown area 'XX'; GET /api/v1/areas lists what is known")
    assert in_words(unknown) == "Area: unknown area 'XX'."
    near = wrong_field(ProblemType.UNKNOWN_NAME, "item", "unknown item 'load', did you mean load_actual?")
    assert in_words(near) == "Item: unknown item 'load', did you mean load_actual?"
    month = wrong_field(ProblemType.INVALID_REQUEST, "from", "from 'x' is no month; write it as 2024-03")
    assert in_words(month) == "From: 'x' is no month; write it as 2024-03."
    assert in_words(ApiError(ProblemType.CONFLICT, "it is taken")) == "it is taken"
    parameter = wrong_field(ProblemType.UNKNOWN_PARAMETER, "x", "there is no parameter 'x' here; it has none")
    assert in_words(parameter) == "x: there is no parameter 'x' here; it has none"


def test_a_field_that_a_service_names_is_called_by_its_label() -> None:
    said = ApiError(ProblemType.INVALID_REQUEST, "cron: 'x' has 1 field and not five")
    assert in_words(said, {"cron": "Again and again"}) == "Again and again: 'x' has 1 field and not five."
    assert in_words(said) == "cron: 'x' has 1 field and not five"
    listed = ApiError(
        ProblemType.INVALID_REQUEST, "headers.X-Key: *** stands for a value that is kept, and there is none"
    )
    with speaking(languages()["de"]):
        assert (
            in_words(listed, {"headers": "Headers"})
            == "Header: *** steht für einen gespeicherten Wert, und es gibt keinen."
        )

"""What a validation finds wrong, in words for people."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.errors import ConfigurationError
from app.mistakes import choice_of, mistake_said, pattern_fault, url_fault


class Way(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    whole: Annotated[int, Field(gt=0, lt=10)] = 1
    number: Annotated[float, Field(ge=0.5, le=2.5, allow_inf_nan=False)] = 1
    flag: bool = True
    text: Annotated[str, Field(min_length=1, max_length=2)] = "a"
    way: Way = Way.NEWEST
    some: Annotated[list[Literal["a", "b"]], Field(max_length=1)] = []
    pairs: dict[str, str] = {}
    at: AwareDatetime | None = None
    day: datetime | None = None


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("whole", "x", "this is no whole number"),
        ("whole", 1.5, "this is no whole number"),
        ("whole", 0, "this is too small: it must be more than 0"),
        ("whole", 10, "this is too large: it must be less than 10"),
        ("number", "x", "this is no number"),
        ("number", "nan", "this is no number"),
        ("number", 0, "this is too small: it must be 0.5 or more"),
        ("number", 3, "this is too large: it must be 2.5 or less"),
        ("flag", "perhaps", "this is neither true nor false: write true or false"),
        ("text", "", "it is empty"),
        ("text", "abc", "it has more than 2 characters"),
        ("text", 1, "this is no text"),
        ("way", "up", "this is none of 'newest' or 'oldest'"),
        ("some", "x", "this is no list"),
        ("some", ["c"], "this is none of 'a' or 'b'"),
        ("some", ["a", "b"], "these are more than 1"),
        ("pairs", "x", "this must be a mapping of names to values"),
        ("at", "soon", "this is no instant; write it as 2024-01-01T00:00:00Z"),
        ("at", "2024-01-01T00:00:00", "this lacks its offset; write Z behind it for UTC"),
        ("day", [], "this is no instant; write it as 2024-01-01T00:00:00Z"),
        ("other", "x", "there is no such field"),
    ],
)
def test_the_words_of_the_library_reach_nobody(field: str, given: object, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Body.model_validate({field: given})
    [mistake] = raised.value.errors()
    assert mistake_said(mistake) == said
    assert mistake_said({**mistake, "input": "x" * 99}, show=True) == said.replace(
        "this is", f"'{'x' * 60}…' is"
    ).replace("this lacks", f"'{'x' * 60}…' lacks")


def test_what_a_validator_of_ours_says_stays_as_it_is() -> None:
    assert mistake_said({"type": "value_error", "msg": "Value error, there is no XX."}) == "there is no XX"


def test_a_choice_that_does_not_exist_is_told_with_those_that_do() -> None:
    assert choice_of(Way, " newest ") is Way.NEWEST
    with pytest.raises(ConfigurationError, match=r"^'up' is none of newest, oldest$"):
        choice_of(Way, "up")


def test_what_other_libraries_say_of_patterns_and_addresses_is_said_in_our_words() -> None:
    assert pattern_fault(b"missing ): (") == pattern_fault("unexpected ): )") == "a round bracket has no other end"
    assert pattern_fault("something new") == "something new"
    assert url_fault(ValueError("Port out of range 0-65535")) == "a port is a number from 1 to 65535"
    assert url_fault(ValueError("something new")) == "something new"

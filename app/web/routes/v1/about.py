"""What the API says of itself: its document, and a text about each kind of problem."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi.responses import PlainTextResponse

from app.errors import NotFound
from app.web.api.openapi import document_text
from app.web.dependencies import OPEN, api_router
from app.web.problem_types import BASE, ProblemType, problem_texts

router = api_router("about")

_Kind = Annotated[str, Path(description="The last part of a `type`.", examples=[ProblemType.UNKNOWN_NAME.value])]

_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}}
}


@router.get("/openapi.json", openapi_extra=OPEN, responses=_DOCUMENT)
async def read_document(request: Request) -> Response:
    """Give this document (OpenAPI 3.1), with the limits of this service."""
    document = await asyncio.to_thread(request.app.openapi)
    return Response(document_text(document), media_type="application/json")


@router.get("/problems", openapi_extra=OPEN, response_class=PlainTextResponse)
async def list_problems() -> str:
    """Explain every kind of problem."""
    return "\n".join(problem_texts().values())


@router.get("/problems/{kind}", openapi_extra=OPEN, response_class=PlainTextResponse)
async def explain_problem(kind: _Kind) -> str:
    """Explain a kind of problem, where the `type` of a problem document leads."""
    texts = problem_texts()
    if kind not in texts:
        raise NotFound(f"there is no problem {kind[:60]!r}; {BASE}/problems explains every one")
    return texts[kind]

"""Pictures of pages that are kept, and how they are compared: by the browser itself, at half their size."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

FOLDER = Path(__file__).parents[1] / "browser" / "pictures"
RENEW = "RENEW_PICTURES"
"""An environment variable: set to 1, pictures are kept anew instead of compared."""
DIFFERENT = 48
"""Of 255: the least difference of a colour that counts; compression and the edges of letters make less."""
TOLERANCE = 0.002
"""The share of a picture that may differ: a few digits that the minute of the day changes, no line of text."""
PROBE_TOLERANCE = 0.001
PROBE = """<!DOCTYPE html><style>body { margin: 8px; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }</style>
<p>Gridkeeper 0123456789 ÄÖÜ – ■ ▲ ○ ●</p><p><b>Quality of what is stored</b></p><pre>gridkeeper serve</pre>"""  # noqa: RUF001  a page has them

_HALF = """
const drawn = async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
};
const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
"""
_SMALL = f"""async (address) => {{ {_HALF}
  const image = await drawn(address);
  const canvas = canvasOf(image.width >> 1, image.height >> 1);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.7);
}}"""
# White where nothing differs; the second value is the picture of what does.
_COMPARED = f"""async ([kept, fresh, least]) => {{ {_HALF}
  const [old, now] = [await drawn(kept), await drawn(fresh)];
  if (old.width !== now.width || old.height !== now.height) {{
    return [1, fresh, `it has ${{now.width}} by ${{now.height}} points, the kept one ${{old.width}} by ${{old.height}}`];
  }}
  const pixels = (image) => {{
    const canvas = canvasOf(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }};
  const [one, other] = [pixels(old), pixels(now)];
  let different = 0;
  for (let at = 0; at < one.data.length; at += 4) {{
    let most = 0;
    for (let part = 0; part < 3; part++) most = Math.max(most, Math.abs(one.data[at + part] - other.data[at + part]));
    const wrong = most >= least;
    different += wrong;
    for (let part = 0; part < 3; part++) other.data[at + part] = wrong ? (part ? 0 : 255) : 128 + (other.data[at + part] >> 1);
  }}
  const canvas = canvasOf(old.width, old.height);
  canvas.getContext("2d").putImageData(other, 0, 0);
  return [different / (one.data.length / 4), canvas.toDataURL("image/webp"), ""];
}}"""


def renewing() -> bool:
    return os.environ.get(RENEW) == "1"


class PictureBook:
    """Compares pictures with those that are kept; `wrong` goes to the folder where a difference is to be seen."""

    def __init__(self, blank: Page, wrong: Path) -> None:
        self._blank = blank
        self._wrong = wrong

    @classmethod
    async def opened(cls, browser: Browser, wrong: Path) -> PictureBook:
        return cls(await browser.new_page(), wrong)

    async def other_fonts(self) -> str:
        """Why this machine cannot compare, "" where it draws text as the one that the pictures are from."""
        page = self._blank
        await page.set_viewport_size({"width": 480, "height": 160})
        await page.set_content(PROBE)
        return await self.difference("probe", await page.screenshot(), tolerance=PROBE_TOLERANCE)

    async def difference(self, name: str, picture: bytes, *, tolerance: float = TOLERANCE) -> str:
        """In words how the picture differs from the kept one by more than the tolerance, "" where it does not."""
        await self._blank.goto("about:blank")
        small: str = await self._blank.evaluate(_SMALL, _address(picture, "png"))
        file = FOLDER / f"{name}.webp"
        if renewing():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(_bytes(small))
            return ""
        if not file.exists():
            return f"{name} is not kept: `make pictures` keeps it"
        kept = _address(file.read_bytes(), "webp")
        found: list[Any] = await self._blank.evaluate(_COMPARED, [kept, small, DIFFERENT])
        share, shown, said = found
        if share <= tolerance:
            return ""
        self._wrong.mkdir(parents=True, exist_ok=True)
        for ending, text in (("new", small), ("difference", shown)):
            (self._wrong / f"{name}-{ending}.webp").write_bytes(_bytes(text))
        said = said or f"{share:.2%} of it differ"
        return f"{name}: {said}; see {self._wrong}, and `make pictures` where that is meant"


def _address(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _bytes(address: str) -> bytes:
    return base64.b64decode(address.partition(",")[2])

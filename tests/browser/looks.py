"""What must hold of every page's look, whatever it shows."""

from __future__ import annotations

import io
import os

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

from tests.browser.conftest import SCREENSHOTS

# Targets: what one presses. A link in a sentence is as high as its line, as WCAG allows.
_SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, select, input, summary')]
  .filter((e) => e.checkVisibility() && !e.closest('p, svg, .skip') && e.type !== 'hidden')
  .map((e) => [e.outerHTML.slice(0, 120), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 40 || box.width < 24)
  .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""

_STRUCTURE = """() => ({
  mains: document.querySelectorAll('main').length,
  firsts: document.querySelectorAll('h1').length,
  levels: [...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1])),
  unnamed: [...document.querySelectorAll('input:not([type=hidden]):not([hidden]), select')]
    .filter((e) => !e.labels.length).map((e) => e.outerHTML),
  images: [...document.querySelectorAll('img:not([alt])')].length,
  doubled: [...document.querySelectorAll('[id]')].map((e) => e.id)
    .filter((id, i, all) => all.indexOf(id) !== i),
  lang: document.documentElement.lang,
})"""

_axe = Axe()
_EVERYTHING = {"resultTypes": ["violations"]}
# The rest is the same in the dark.
_COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
_TALLEST = 1600
_SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
_DRAWN = {"desktop": ("light",), "phone": ("dark",)}


def look(page: Page, name: str, *, keep: bool = True) -> None:
    """All that must hold of a page as it stands, at every width, in light and in dark.

    Args:
        name: of its pictures.
        keep: as `draw` has it.
    """
    for width in (320, 390, 800, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, width, wide)
        check_structure(page, f"{name} {width}")
    check_accessibility(page, name)
    draw(page, name, keep=keep)


def check_structure(page: Page, name: str) -> None:
    """One main part and heading, levels in order, everything named and large enough to press."""
    found = page.evaluate(_STRUCTURE)
    assert (found["mains"], found["firsts"], found["lang"]) == (1, 1, "en"), name
    levels = found["levels"]
    assert all(b <= a + 1 for a, b in zip([0, *levels], levels, strict=False)), (name, levels)
    assert not found["unnamed"], (name, found["unnamed"])
    assert not found["images"], name
    assert not found["doubled"], (name, found["doubled"])
    small = page.evaluate(_SMALL_TARGETS)
    assert not small, (name, small[:5])


def check_accessibility(page: Page, name: str) -> None:
    """axe-core finds nothing serious or critical, in light and in dark."""
    for scheme, options in (("light", _EVERYTHING), ("dark", _COLOURS)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = _axe.run(page, options=options).response["violations"]
        grave = [
            (each["id"], [node["html"][:160] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert not grave, (name, scheme, grave)


def draw(page: Page, name: str, *, keep: bool) -> None:
    """Draw a page in light on a desk and in dark on a phone.

    Args:
        keep: its pictures are renewed in docs/screenshots/ where CLEANTRACE_SCREENSHOTS is set,
            each in light and in dark.
    """
    renew = bool(os.environ.get("CLEANTRACE_SCREENSHOTS"))
    page.evaluate("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })")
    for size, (width, height) in _SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark") if renew else _DRAWN[size]:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            picture = _picture(page, whole=renew)
            colours = picture.getcolors(1 << 24)
            assert colours is not None
            assert len(colours) > 50, name
            shade = sum(max(colours)[1]) / 3
            assert (shade > 128) == (scheme == "light"), (name, size)
            if renew and keep:
                SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                # These pages hardly pass 256 colours: a palette is a quarter of the size.
                small = picture.quantize(256, dither=Image.Dither.NONE)
                small.save(SCREENSHOTS / f"{name}-{size}-{scheme}.png", optimize=True)


def _picture(page: Page, *, whole: bool) -> Image.Image:
    """The page as drawn: what is in sight, or the whole of it down to _TALLEST."""
    if not whole:
        return Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    page.evaluate("Promise.all([...document.images].map((i) => i.decode()))")
    size = page.viewport_size
    assert size is not None
    tall = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
    data = page.screenshot(
        full_page=True,
        clip={"x": 0, "y": 0, "width": size["width"], "height": max(tall, size["height"])},
        animations="disabled",
    )
    return Image.open(io.BytesIO(data)).convert("RGB")

"""Pictures of every page for the docs: ``script/screenshots``.

A practice platform with a morning behind it: traffic, a drained server, a workload that is down, charts
of the last weeks. Addresses of this machine are shown as those of documentation, and all times as if it
were one certain morning, so that a picture made again shows what it showed before; one that shows almost
the same is left as it is.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from PIL import Image, ImageChops
from playwright.async_api import Page
from tests.integration.practice_farm import NAME, playing
from tests.scenario.console.browser import chromium, watched
from tests.scenario.console.pages import UNSIGNED, address_of, page_paths
from tests.scenario.console.signing import sign_in
from tests.scenario.console.stage import PASSWORD, WORKLOADS, Stage, staged

from switchover.practice.stories import Door, HttpStory
from switchover.wire.haproxy.binary import find_binary

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "images"
GALLERY = PICTURES.parent / "console.md"
MORNING = datetime(2026, 11, 23, 9, 14, tzinfo=UTC)
WIDTHS = {"": 1280, "-narrow": 380}
SCHEMES = ("light", "dark")
TALLEST = 1600
MOST_BYTES = 60_000
ALMOST_THE_SAME = 0.02
"""Share of pixels that may differ in a picture that is left as it is: some words such as "3 s ago"."""

_GALLERY_HEAD = """\
# The console in pictures

Every page, in light and dark, wide and on a telephone, with a practice platform behind it. [Use the
console](how-to/use-the-console.md) says what they are for. Written by `script/screenshots`.
"""
_AS_DOCUMENTED = """
([addresses, shift]) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const moment = /(\\d{4})-(\\d\\d)-(\\d\\d)([T ])(\\d\\d):(\\d\\d)(:\\d\\d)?/g;
  const shifted = (all, year, month, day, between, hour, minute, second) => {
    const at = Date.UTC(year, month - 1, day, hour, minute, (second || ':0').slice(1));
    const text = new Date(at + shift).toISOString();
    return text.slice(0, 10) + between + text.slice(11, second ? 19 : 16);
  };
  const say = text => {
    for (const [own, documented] of addresses) text = text.replaceAll(own, documented);
    return text.replace(moment, shifted);
  };
  while (walk.nextNode()) {
    const said = say(walk.currentNode.data);
    if (said !== walk.currentNode.data) walk.currentNode.data = said;
  }
  for (const field of document.querySelectorAll('input, textarea'))
    if (field.type !== 'hidden' && field.value) field.value = say(field.value);
}
"""
_WEEKS = """
-- what four weeks of office days would have been counted as; no lock beyond the rows
insert into stat_{unit} (
    {unit}, service, workload, server, sessions, requests, bytes_in, bytes_out, response_errors,
    http_2xx, http_5xx, current_sessions_max, total_ms_avg, response_ms_avg
)
select at, 'mail', w, s, 1 + busy * 40, busy * 300 * f, busy * 9000, busy * 400000, (t %% 211 = 0)::int * 4,
       busy * 298 * f, (t %% 211 = 0)::int * 4, 1 + busy * 12, 30 + busy * 25 + t %% 7,
       9 + busy * 11 + t %% 5
from (
    select t, date_trunc('{unit}', now()) - t * interval '1 {unit}' as at
    from generate_series(%(last)s::int, 1, -1) as t
) as times,
lateral (
    select (0.08 + greatest(0, sin((extract(hour from at) + extract(minute from at) / 60 - 6) * pi() / 13)))
        * case when extract(isodow from at) > 5 then 0.25 else 1 end as busy
) as day,
unnest(%(workloads)s::text[]) as w,
unnest(case when w = '' then array[''] else array['cas1', 'cas2'] end) as s,
lateral (select case when w = '' then 7 when s = 'cas1' then 1.1 else 0.9 end as f) as share
on conflict do nothing
"""


async def make(only: str) -> None:
    """Make the pictures of pages whose path begins with ``only``."""
    PICTURES.mkdir(exist_ok=True)
    async with chromium() as browser, staged() as stage, playing(*_stories(stage)) as clients:
        await clients.flow(more=300)
        await _morning(stage)
        await clients.flow(more=300)
        async with watched(browser, stage.home) as (page, _):
            await sign_in(page, "admin", PASSWORD)
            stage.states["admin"] = await page.context.storage_state()
        paths = [path for path in page_paths() if path.startswith(only)]
        for suffix, width in WIDTHS.items():
            for scheme in SCHEMES:
                ending = f"{scheme}{suffix}.webp"
                for signed_in in (True, False):
                    shown = [path for path in paths if path.startswith(UNSIGNED) != signed_in]
                    state = stage.states["admin"] if signed_in else None
                    async with watched(
                        browser, stage.home, width=width, scheme=scheme, state=state
                    ) as (page, watch):
                        watch.expect("")  # faults are the stories' business
                        await _picture_all(page, stage, shown, ending)
    write_gallery(page_paths())


def write_gallery(paths: list[str]) -> None:
    """Write the page of the docs that shows all pictures."""
    parts = [_GALLERY_HEAD]
    for path in paths:
        names = {
            suffix + scheme: f"images/console-{_slug(path)}-{scheme}{suffix}.webp"
            for suffix in WIDTHS
            for scheme in SCHEMES
        }
        parts.append(
            f"## `{path}`\n\n"
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{names["dark"]}">'
            f'<img alt="The page {path}" src="{names["light"]}" width="720"></picture>\n\n'
            f"[light]({names['light']}), [dark]({names['dark']}), on a telephone "
            f"[light]({names['-narrowlight']}), [dark]({names['-narrowdark']})\n"
        )
    GALLERY.write_text("\n".join(parts), "utf-8")


def _stories(stage: Stage) -> list[HttpStory]:
    paths = {"owa": "/owa/", "ews": "/ews/", "activesync": "/Microsoft-Server-ActiveSync"}
    return [
        HttpStory(
            door=Door(
                service="mail", workload=workload, address=stage.suite.address, port=10443,
                host=NAME, tls=True,
            ),
            path=path, clients=4, rate_per_second=20.0,
        )
        for workload, path in paths.items()
    ]  # fmt: skip


async def _morning(stage: Stage) -> None:
    """Let happen what a page should have to show."""
    at = stage.suite
    with psycopg.connect(at.postgres().dsn(), autocommit=True) as connection:
        for unit, last in (("minute", 1440), ("hour", 28 * 24)):
            text = _WEEKS.format(unit=unit)
            connection.execute(text.encode(), {"last": last, "workloads": ["", *WORKLOADS]})
    await at.post("/servers/mx2/drain", {"reason": "monthly updates"})
    await at.api("PUT", "/servers/cas2/weight", {"weight": 50, "reason": "new, warms up"})
    await at.post("/servers/mx2/resume", {"reason": "updated"})
    await stage.farm.break_("cas1/owa", "503")
    await at.event(kind="server-down", workload="owa")
    await stage.farm.mend()
    await at.event(kind="server-up", workload="owa")
    await stage.farm.break_("cas2/ecp", "503")
    await at.event(kind="server-down", workload="ecp")
    await at.post("/servers/cas1/drain", {"service": "phones", "reason": "test of new phones"})


async def _picture_all(page: Page, stage: Stage, paths: list[str], ending: str) -> None:
    for path in paths:
        await page.goto(address_of(path))
        await page.wait_for_timeout(300)  # until charts are drawn
        await page.evaluate(_AS_DOCUMENTED, [_addresses(stage), _shift()])
        picture = await _shot(page)
        await asyncio.to_thread(keep, PICTURES / f"console-{_slug(path)}-{ending}", picture)


def _slug(path: str) -> str:
    words = [word for word in path.strip("/").split("/") if not word.startswith("{")]
    shown = "-".join(words) or "overview"
    return f"{shown}-one" if path.endswith("}") else shown


def _addresses(stage: Stage) -> list[tuple[str, str]]:
    numbers: Mapping[str, int] = {"cas1": 11, "cas2": 12, "mx1": 21, "mx2": 22}
    servers = [
        (address, f"192.0.2.{numbers[name]}") for name, address in stage.farm.addresses.items()
    ]
    data = (str(stage.suite.data), "/var/lib/switchover")
    program = (str(find_binary()[0]), "/usr/sbin/haproxy")
    # The longest first: one address may be the beginning of another.
    found = [*servers, (stage.suite.address, "203.0.113.10"), data, program]
    return sorted(found, key=lambda pair: -len(pair[0]))


def _shift() -> float:
    return (MORNING - datetime.now(UTC)).total_seconds() * 1000


async def _shot(page: Page) -> Image.Image:
    tall = await page.evaluate("document.documentElement.scrollHeight")
    width = page.viewport_size["width"] if page.viewport_size else WIDTHS[""]
    clip = {"x": 0, "y": 0, "width": width, "height": min(tall, TALLEST)}
    taken = await page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
    return Image.open(io.BytesIO(taken)).convert("RGB")


def keep(file: Path, picture: Image.Image) -> None:
    """Write the picture in few colours and small, unless the one there shows the same."""
    if file.exists() and _differing(Image.open(file).convert("RGB"), picture) < ALMOST_THE_SAME:
        return
    for colours in (256, 64):
        shown = picture.quantize(colours, dither=Image.Dither.NONE).convert("RGB")
        shown.save(file, "WEBP", lossless=True, quality=60, method=4)
        if file.stat().st_size <= MOST_BYTES:
            break
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def _differing(one: Image.Image, other: Image.Image) -> float:
    """Return the share of pixels that differ; 1 where the sizes do."""
    if one.size != other.size:
        return 1.0
    difference = (
        ImageChops.difference(one, other).convert("L").point(lambda value: value > 24 and 255)
    )
    return difference.histogram()[255] / (one.width * one.height)


if __name__ == "__main__":
    asyncio.run(make(sys.argv[1] if len(sys.argv) > 1 else ""))

"""How people sign in to the console."""

from __future__ import annotations

from playwright.async_api import Page, expect


async def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in by the form and wait for the overview."""
    await page.goto("/sign-in")
    await fill_in(page, name, password)
    await expect(page).to_have_url("/")


async def fill_in(page: Page, name: str, password: str) -> None:
    """Fill the form that is open and send it."""
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()

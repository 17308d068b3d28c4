"""The local portal's own pages, by clicking: users, chats, objects; and whom the application's page lets frame it."""

import pytest

from tests.browser.portal_pages import ADMIN, EMPLOYEE, NARROW, Portal

POST_INTO_A_FRAME = """
const [action, fields, name] = arguments
document.body.replaceChildren(Object.assign(document.createElement('iframe'), { name }))
const form = Object.assign(document.createElement('form'), { method: 'post', action, target: name })
for (const [key, value] of Object.entries(fields)) {
  form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: key, value }))
}
document.body.append(form)
form.submit()
"""
FIELDS = """
return [document.getElementById('open').action, Object.fromEntries(new FormData(document.getElementById('open')))]
"""


def test_user_is_switched_by_a_click_and_sees_own_chats(portal: Portal) -> None:
    portal.open(f"/?user={ADMIN}")
    page = portal.browser
    page.click("[data-dialog=chat1437]")
    page.wait_for_text("main", "Anna Schneider, John Smith")
    page.click(f"[data-user='{EMPLOYEE}']")
    page.wait_for_text("[aria-current]", "John Smith")
    page.click("nav[aria-label=Portal] a")
    page.wait_for_text("[aria-current]", "John Smith")
    page.click("a[href='/crm/deal/details/1663/']")
    page.wait_for_text("main", "Deal: 200 office chairs")
    page.click("[data-user='4']")
    page.wait_for_text("main", "None.")
    assert page.complaints() == []


@pytest.mark.parametrize("path", ["/", "/crm/deal/details/1663/", "/online/?IM_DIALOG=chat1437"])
def test_pages_have_no_grave_barrier(portal: Portal, path: str) -> None:
    joint = "&" if "?" in path else "?"
    portal.open(f"{path}{joint}user=1")
    for width, dark in ((1200, False), (NARROW, True)):
        portal.browser.look(width=width, dark=dark)
        assert portal.browser.grave_barriers() == []
        assert not portal.browser.is_wider_than_its_window()


@pytest.mark.parametrize("path", ["app", "install"])
def test_frame_of_another_origin_is_refused_by_the_page(portal: Portal, path: str) -> None:
    portal.open_application()
    action, fields = portal.browser.driver.execute_script(FIELDS)
    # Of this run, so that no server refuses the request; but the portal's pages are not there.
    elsewhere = portal.run.facts["api_url"].replace("127.0.0.1", "localhost")
    portal.browser.driver.get(f"{elsewhere}/health")
    portal.browser.complaints()
    portal.browser.driver.execute_script(POST_INTO_A_FRAME, action.replace("/app?", f"/{path}?"), fields, "a|0|b")
    complaints: list[str] = []

    def is_refused() -> bool:
        complaints.extend(portal.browser.complaints())
        return any("frame-ancestors" in each for each in complaints)

    portal.browser.until(is_refused, f"nothing is refused: {complaints}")

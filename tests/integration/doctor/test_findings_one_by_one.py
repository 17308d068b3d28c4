"""Each finding about a portal: made true, seen in each face of the doctor, mended with its remedy, and gone."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pytest

from chat_lookup.doctor import queues
from chat_lookup.doctor.findings import REMEDIES, FindingCode
from chat_lookup.doctor.replies import SCOPES as USED_SCOPES
from tests.support.portals.examined_portal import SCOPES, Scene
from tests.support.portals.open_page import OpenPage
from tests.support.portals.unknown_portal import ADMINISTRATOR, Stage
from tools.doctor import machine, service
from tools.lookup import doctor
from tools.lookup.app import main

Step = Callable[[Scene], object]
A_DAY: Final = 86_400.0
ELSEWHERE: Final = "https://former.example.com"
OF_ALL: Final = frozenset({FindingCode.NO_PORTAL, FindingCode.EVENTS_WAITING, FindingCode.DEAD_LETTERS})
"""Findings about no portal: the command is run without one."""
OTHER_ADMINISTRATOR: Final = 9
"""Who has the page open: not the user whose grant the application's is."""
NOT_ON_THE_PAGE: Final[Mapping[FindingCode, str]] = {
    # Without an installation nothing proves a user; the frame shows the installer's page there.
    FindingCode.NO_PORTAL: "page-session-rejected",
    FindingCode.UNINSTALLED: "page-session-rejected",
    # What refuses the application's calls refuses `profile` with the administrator's token, too, without which the
    # page shows nothing (docs/decisions/036): it shows the sentence of that problem.
    FindingCode.REFUSED: "caller-token-rejected",
    FindingCode.UNPAID: "portal-blocked",
    FindingCode.BLOCKED: "portal-blocked",
    FindingCode.UNREACHABLE: "portal-unavailable",
    FindingCode.MOVED: "portal-blocked",
}
"""Findings that the page cannot show, with the code of what it shows in their place."""


class Case(NamedTuple):
    """How a finding is made true, and how it is mended; `words` are in its detail."""

    code: FindingCode
    make: Step
    mend: Step
    words: str
    portal: str = ""
    """Another portal than the application's."""
    also: frozenset[FindingCode] = frozenset()
    """Findings that have the same cause."""


# --- states ----------------------------------------------------------------------------------------------------------


def nothing_installed(scene: Scene) -> None:
    for row in scene.rows(""):
        scene.remove(row)
    scene.service.cold_start()


def uninstall(scene: Scene) -> None:
    scene.control("/uninstall", **scene.client)
    scene.service.cold_start()


def installed_again(scene: Scene) -> None:
    scene.admin("keys.create", label="shop")
    uninstall(scene)
    scene.install()


def refuse_everything(error: str, status: int) -> Step:
    def make(scene: Scene) -> None:
        scene.fault("*", error=error, status=status)
        scene.look_up()

    return make


def heal(scene: Scene) -> None:
    """The cause is over, and the next caller looks."""
    scene.no_faults()
    scene.later(700)
    scene.look_up()
    scene.service.cold_start()


def dead_grant(scene: Scene) -> None:
    scene.control("/expire_tokens", refresh=True)
    scene.later(3_601)
    scene.look_up()


def visit(scene: Scene) -> None:
    scene.control("/visit", **scene.client)
    scene.service.cold_start()


def other_secret(scene: Scene) -> None:
    scene.control("/rotate_secret", **scene.client)
    scene.later(3_601)


def right_secret(scene: Scene) -> None:
    card = scene.stage.portal.applications.named(scene.stage.card.client_id)
    scene.service.admin("apps.rotate_secret", client_id=card.client_id, client_secret=card.client_secret)
    heal(scene)


def redirected_webhook(scene: Scene) -> None:
    path = urlsplit(scene.service.portal.webhook_url).path
    for method in ("im.chat.get", "profile"):
        moved = {"Location": f"https://acme.example{path}{method}"}
        scene.service.control("/faults", {"method": method, "status": 302, "body": "", "headers": moved})
    scene.look_up(scene.service.member_id)


def webhook_given_anew(scene: Scene) -> None:
    scene.service.control("/faults", [])
    url = scene.service.portal.webhook_url
    scene.service.admin("portal.add_webhook", webhook_url=url, member_id=scene.service.member_id)
    scene.service.cold_start()


def no_connection(scene: Scene) -> None:
    scene.fault("*", drop=True)
    for _ in range(3):
        scene.look_up()


# --- calls -----------------------------------------------------------------------------------------------------------


def without_keys(scene: Scene) -> None:
    (row,) = scene.rows(f"APP#{scene.stage.card.client_id}")
    scene.remove(row)


def new_pair(scene: Scene) -> None:
    scene.later(700)
    scene.look_up()
    scene.service.cold_start()


def slow_pace(scene: Scene) -> None:
    scene.admin("portal.set", rate=0.1, burst=1)
    scene.look_up()


def usual_pace(scene: Scene) -> None:
    scene.admin("portal.set", rate=2, burst=50)
    scene.later(60)


def too_many(scene: Scene) -> None:
    scene.fault("im.chat.get", error="QUERY_LIMIT_EXCEEDED", status=503)
    scene.look_up()
    scene.later(10)


def five_minutes(scene: Scene) -> None:
    scene.no_faults()
    scene.later(310)


def paid_days(status: str, days: int | None) -> Step:
    def change(scene: Scene) -> None:
        card = scene.stage.portal.applications.named(scene.stage.card.client_id)
        scene.stage.portal.applications.put(replace(card, status=status))
        scene.control("/app_info", days=days)

    return change


# --- registration ---------------------------------------------------------------------------------------------------


def rebind(scene: Scene) -> None:
    assert scene.admin("portal.rebind")["remarks"] == []


def fewer_scopes(*scopes: str) -> Step:
    return lambda scene: scene.grant_scopes([each for each in SCOPES if each not in scopes])


def all_scopes(scene: Scene) -> None:
    scene.grant_scopes(SCOPES)


def unused_scope(scene: Scene) -> None:
    fewer_scopes("task")(scene)
    rebind(scene)
    all_scopes(scene)


def administrator(*, admin: bool) -> Step:
    return lambda scene: scene.control("/users", user_id=ADMINISTRATOR, name="Anna", admin=admin)


def webhook_with_a_bot(scene: Scene, **more: str) -> None:
    portal, token = scene.service.portal, "b" * 32
    fields = {"code": "own", "properties": {"name": "Own"}, "eventMode": "webhook", "webhookUrl": f"{ELSEWHERE}/bot"}
    registered = scene.by_webhook("imbot.v2.Bot.register", botToken=token, fields=fields)
    bot = {"bot_id": registered["bot"]["id"], "bot_token": token}
    scene.service.admin(
        "portal.add_webhook", webhook_url=portal.webhook_url, member_id=scene.service.member_id, **bot, **more
    )
    scene.service.cold_start()


def public_url(url: str) -> Step:
    def change(scene: Scene) -> None:
        scene.environ.setenv("PUBLIC_URL", url)
        scene.service.cold_start()

    return change


def v1_bot(scene: Scene) -> None:
    scene.control("/shape", bot_api="v1")
    rebind(scene)


def v2_bot(scene: Scene) -> None:
    scene.control("/shape", bot_api="v2")
    rebind(scene)


# --- queues ---------------------------------------------------------------------------------------------------------


def emptied(scene: Scene) -> None:
    scene.service.stack.backend.aws.empty_queues()


SOME: Final = 20
"""Events that count as many here."""
LATE: Final = {"start": 1_700_000_000, "finish": 1_700_000_000.5}
FETCHING: Final = {"eventMode": "fetch"}

CASES: Final = (
    Case(FindingCode.NO_PORTAL, nothing_installed, lambda scene: scene.before.restore_tables(), "No portal"),
    Case(
        FindingCode.STOPPED, lambda scene: scene.admin("portal.stop"), lambda scene: scene.admin("portal.start"),
        "operator",
    ),
    Case(FindingCode.REAUTHORISE, dead_grant, visit, "grant is dead"),
    Case(FindingCode.REFUSED, refuse_everything("expired_token", 401), heal, "expired_token"),
    Case(FindingCode.UNPAID, refuse_everything("PAYMENT_REQUIRED", 401), heal, "from 20"),
    Case(FindingCode.MISCONFIGURED, other_secret, right_secret, "keys"),
    Case(FindingCode.RENAMED, redirected_webhook, webhook_given_anew, "new address", portal="webhook"),
    Case(FindingCode.BLOCKED, refuse_everything("OVERLOAD_LIMIT", 503), heal, "OVERLOAD_LIMIT"),
    Case(FindingCode.UNREACHABLE, no_connection, heal, "TRANSPORT"),
    Case(
        FindingCode.APPLICATION_MISSING, without_keys,
        lambda scene: scene.before.restore_tables(), "are not stored",
    ),
    Case(FindingCode.MOVED, lambda scene: scene.control("/rename", host="localhost"), new_pair, "redirects"),
    Case(FindingCode.TOKEN_REFUSED, lambda scene: scene.control("/expire_tokens"), new_pair, "expired_token"),
    Case(
        FindingCode.PORTAL_FAILED, lambda scene: scene.fault("batch", error="INTERNAL_SERVER_ERROR", status=500),
        Scene.no_faults, "INTERNAL_SERVER_ERROR",
    ),
    Case(FindingCode.NOT_ASKED, slow_pace, usual_pace, "not asked"),
    Case(
        FindingCode.NOT_CHECKED, lambda scene: scene.fault("event.get", error="ACCESS_DENIED"),
        Scene.no_faults, "event.get: ACCESS_DENIED",
    ),
    Case(
        FindingCode.INSTALLATION_UNFINISHED, lambda scene: scene.control("/app_info", installed=False),
        lambda scene: scene.control("/app_info", installed=True), "not installed yet",
    ),
    Case(FindingCode.PAYMENT_EXPIRED, paid_days("P", -3), paid_days("S", -3), "-3 days"),
    *(
        Case(
            FindingCode.SCOPE_MISSING, fewer_scopes(scope), all_scopes, f"not grant {scope}",
            also=frozenset({FindingCode.NOT_CHECKED}) if scope == "imbot" else frozenset(),
        )
        for scope in SCOPES
    ),
    Case(FindingCode.SCOPE_UNUSED, unused_scope, rebind, "grants task"),
    Case(FindingCode.OWNER_NOT_ADMINISTRATOR, administrator(admin=False), administrator(admin=True), "(1)"),
    Case(FindingCode.TOKEN_OLD, lambda scene: scene.later(172 * A_DAY), new_pair, "172 days ago"),
    Case(
        FindingCode.APPLICATION_TOKEN_MISSING, webhook_with_a_bot,
        lambda scene: webhook_with_a_bot(scene, application_token="a" * 32), "prove", portal="webhook",
    ),
    Case(FindingCode.ADDRESS_CHANGED, public_url("https://chats.example.com"), public_url(""), "chats.example.com"),
    Case(
        FindingCode.BOT_NOT_REGISTERED,
        lambda scene: scene.as_application("imbot.v2.Bot.unregister", botId=scene.bot_id), rebind,
        "registered in the portal",
    ),
    Case(
        FindingCode.BOT_MODE,
        lambda scene: scene.as_application("imbot.v2.Bot.update", botId=scene.bot_id, fields=FETCHING), rebind, "fetch",
    ),
    Case(FindingCode.BOT_DEPRECATED, v1_bot, v2_bot, "imbot.register"),
    Case(
        FindingCode.EVENTS_NOT_BOUND,
        lambda scene: scene.as_application("event.unbind", event="ONAPPUNINSTALL", handler=scene.install_url),
        rebind, "ONAPPUNINSTALL",
    ),
    Case(
        FindingCode.EVENTS_ELSEWHERE,
        lambda scene: scene.as_application("event.bind", event="ONAPPUPDATE", handler=f"{ELSEWHERE}/x?token=5ecret"),
        rebind, "former.example.com",
    ),
    Case(FindingCode.PACE_LOWERED, too_many, five_minutes, "of its pace"),
    Case(FindingCode.CLOCK_OFF, lambda scene: scene.fault("batch", fields={"time": LATE}), Scene.no_faults, "behind"),
    Case(
        FindingCode.EVENTS_WAITING, lambda scene: scene.send("EventQueue", ["{}"] * SOME, delay=900), emptied, str(SOME)
    ),
    Case(FindingCode.DEAD_LETTERS, lambda scene: scene.send("DeadLetterQueue", ["{}"]), emptied, "About 1 "),
    Case(FindingCode.UNINSTALLED, uninstall, Scene.install, "uninstalled"),
    Case(FindingCode.KEYS_SUSPENDED, installed_again, lambda scene: scene.admin("keys.restore"), "401 key-rejected"),
)  # fmt: skip
"""One for each code, but for scopes: one for each of them. What installs anew comes last."""


@pytest.fixture(scope="module")
def one_scene(one_stage: Stage) -> Iterator[Scene]:
    one_stage.reset()
    yield Scene(one_stage)
    one_stage.tell("/reset", {})


@pytest.fixture(scope="module")
def one_page(one_scene: Scene) -> OpenPage:
    one_scene.control("/users", user_id=OTHER_ADMINISTRATOR, name="Vera", admin=True)
    return OpenPage(one_scene.stage, OTHER_ADMINISTRATOR)


@pytest.fixture
def page(scene: Scene, one_page: OpenPage) -> OpenPage:
    """The application's page, which an administrator leaves open from test to test."""
    del scene  # it begins before the page is opened
    one_page.open_where_installed_anew()
    return one_page


@pytest.fixture
def scene(one_scene: Scene, monkeypatch: pytest.MonkeyPatch, leaping_clock: None) -> Scene:
    del leaping_clock
    one_scene.environ = monkeypatch
    monkeypatch.setattr(queues, "MANY", SOME)
    one_scene.begin_again()
    return one_scene


def report(scene: Scene, case: Case) -> list[dict[str, Any]]:
    """The findings of the operator's command about the case's portal, as JSON."""
    named = {} if case.code in OF_ALL else {"portal": scene.service.member_id if case.portal else scene.member_id}
    answer: dict[str, Any] = json.loads(json.dumps(scene.service.admin("doctor", **named)))
    assert answer.keys() == {"findings"}
    found: list[dict[str, Any]] = answer["findings"]
    return found


class Run:
    """The stack as `./lookup` finds a run."""

    def __init__(self, scene: Scene) -> None:
        self.facts = {"api_url": scene.service.api_url}
        self._functions = scene.service.stack.backend.functions

    def invoke(self, function: str, event: object) -> Any:
        return self._functions.invoke(function, event)


LookUp = Callable[[Scene, Case], tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> LookUp:
    """Exit status and findings of `./lookup doctor --env local`, on a machine without findings. What it prints is taken
    before: the functions of the stack, in this process, print to the same output."""
    printed: list[dict[str, Any]] = []
    monkeypatch.setattr(machine, "environments", lambda _: [])
    monkeypatch.setattr(machine, "facts", lambda *_: {})
    monkeypatch.setattr(service, "answers", lambda *_: [])
    monkeypatch.setattr(doctor, "print_answer", lambda answer, **_: printed.append(answer))

    def look_up(scene: Scene, case: Case) -> tuple[int, list[dict[str, Any]]]:
        words = ["doctor", "--env", "local", "--json"]
        if case.code not in OF_ALL:
            words += ["--portal", scene.service.member_id if case.portal else scene.member_id]
        run: Any = Run(scene)
        environ = {"STATE_DIR": str(scene.service.stack.settings.state_dir)}
        return main(words, environ, lambda *_: run), printed.pop()["findings"]

    return look_up


def test_each_code_has_a_remedy_and_is_walked() -> None:
    assert {case.code for case in CASES} == set(FindingCode) == REMEDIES.keys()
    assert set(USED_SCOPES) <= set(SCOPES)


def test_healthy_portal_has_no_findings_and_the_report_changes_nothing(scene: Scene) -> None:
    before, calls = scene.stored(), len(scene.stage.calls())
    assert scene.service.admin("doctor", portal=scene.member_id) == {"findings": []}
    assert scene.service.admin("doctor") == {"findings": []}
    assert scene.stored() == before
    assert scene.stage.calls()[calls:] == ["batch", "batch"]


def test_run_is_found_by_its_file_and_asked_at_its_own_address(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = scene.service.stack.backend.aws.endpoint_url
    (tmp_path / "run.json").write_text(json.dumps({"api_url": scene.service.api_url, "aws_endpoint_url": aws}))
    (tmp_path / "log.jsonl").touch()
    monkeypatch.setattr(machine, "environments", lambda _: [])
    printed: list[dict[str, Any]] = []
    monkeypatch.setattr(doctor, "print_answer", lambda answer, **_: printed.append(answer))
    assert main(["doctor", "--env", "local", "--json"], {"STATE_DIR": str(tmp_path)}) == 0, printed
    scene.admin("portal.stop")
    assert main(["doctor", "--env", "local", "--json"], {"STATE_DIR": str(tmp_path)}) == 1
    assert [each["code"] for each in printed.pop()["findings"]] == [FindingCode.STOPPED]
    scene.admin("portal.start")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.words}")
def test_finding_is_seen_in_all_three_faces_with_its_remedy_and_gone_after_it_is_mended(
    scene: Scene, case: Case, looked_up: LookUp, page: OpenPage
) -> None:
    case.make(scene)
    status, by_command_line = looked_up(scene, case)
    found = {each["code"]: each for each in report(scene, case)}
    assert case.code.value in found, found
    seen = found[case.code]
    assert case.words in seen["detail"]
    assert seen["remedy"] == REMEDIES[case.code]
    assert (seen.keys() - {"portal"}) == {"code", "detail", "remedy"}
    assert found.keys() - {case.code} <= case.also
    assert "5ecret" not in json.dumps(list(found.values()))

    assert status == 1
    assert (seen["code"], seen["remedy"]) in {(each["code"], each["remedy"]) for each in by_command_line}

    assert_shown_on_the_page(page, case, seen)

    case.mend(scene)
    assert looked_up(scene, case) == (0, [])
    assert on_the_page(scene, page) == []


def assert_shown_on_the_page(page: OpenPage, case: Case, seen: Mapping[str, Any]) -> None:
    """As in the other faces, unless it is about a portal without a page or the page cannot show it."""
    status, content = page.ask("GET", "doctor")
    if problem := NOT_ON_THE_PAGE.get(case.code):
        assert (status, code_of(content)) == (content["status"], problem)
        return
    if code_of(content) == "page-session-rejected":
        renewed = {FindingCode.TOKEN_OLD, FindingCode.KEYS_SUSPENDED}
        assert case.code in renewed, "no other case takes longer than a page is renewed for, or installs anew"
        page.open()
        status, content = page.ask("GET", "doctor")
    assert status == 200, content
    shown = [each for each in content["findings"] if each["code"] == case.code]
    if case.portal:
        assert shown == []
        return
    # The portal goes on between two reports, so that a detail may have other numbers.
    (one,) = shown
    assert (one.keys(), one["remedy"], case.words in one["detail"]) == (
        {"code", "title", "detail", "remedy"}, seen["remedy"], True,
    )  # fmt: skip


def on_the_page(scene: Scene, page: OpenPage) -> object:
    """The findings that the page shows; an administrator opens it anew, or waits, where it requires that."""
    page.open_where_installed_anew()
    status, content = page.ask("GET", "doctor")
    if status == 429:
        scene.later(content["retry_after"])
        status, content = page.ask("GET", "doctor")
    assert status == 200, content
    return content["findings"]


def code_of(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).rpartition(":")[2]

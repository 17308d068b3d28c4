"""/bitrix24/app, /v1/page and /assets: the page inside the portal, what its script asks, and its files."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import InstallationRefused, MethodNotAllowed, RouteNotFound
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, empty_response, json_response, redirect
from chat_lookup.install import pages
from chat_lookup.install.offers import Visit, arrival, offer_of_visit
from chat_lookup.languages import Language, language_of
from chat_lookup.observability import invocation
from chat_lookup.page import assets
from chat_lookup.page.answers import PageAnswers
from chat_lookup.page.opening import ClosedPage, NoPage, OpenedPage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SECONDS = 26
"""The gateway gives up after 30 (design 3.1)."""
INSTALLATION: Final = "/bitrix24/install"


def handler(event: Event, context: "LambdaContext") -> Response:
    deadline = invocation.time_left(context, process.clock, at_most=SECONDS)
    with bound_by(deadline):
        return entrypoint.respond(event, process.telemetry(), partial(routes, deadline))


def routes(deadline: Deadline) -> Mapping[str, Handler]:
    answered = partial(answer, deadline)
    return {
        "GET /bitrix24/app": browsed,
        "POST /bitrix24/app": partial(posted, deadline),
        "HEAD /bitrix24/app": probed,
        "GET /v1/page/{proxy+}": answered,
        "POST /v1/page/{proxy+}": answered,
        "DELETE /v1/page/{proxy+}": answered,
        "GET /assets/{proxy+}": lambda request: assets.served(request.path_parameters.get("proxy", "")),
    }


def probed(_: Request) -> Response:
    return empty_response(200)


def browsed(request: Request) -> Response:
    """A browser outside of a frame: back with a code, on its way to the portal, or without either."""
    if request.query.keys() & {"code", "portal"}:
        return handed_over(request)
    return pages.page(language_of(request.headers.get("accept-language", "")), ("nothing",))


def posted(deadline: Deadline, request: Request) -> Response:
    """The frame in the portal."""
    if "code" in request.query:
        process.telemetry().hide(*request.query["code"])
        return handed_over(request)
    try:
        came = arrival(request.query, request.body, request.headers.get("content-type", ""))
    except InstallationRefused as error:
        return unreadable(error, Language.ENGLISH)
    process.telemetry().hide(*came.secrets)
    if not isinstance(came, Visit):
        # An event about the application, which is bound to the other address (design 3.4).
        return handed_over(request)
    failure = partial(process.services().page().documents.failure, came.language)
    return invocation.guarded(process.telemetry(), partial(opened, came, request, deadline), failure)


def opened(visit: Visit, request: Request, deadline: Deadline) -> Response:
    page = process.services().page()
    try:
        offer = offer_of_visit(visit, page.portal_hosts)
    except InstallationRefused as error:
        return unreadable(error, visit.language)
    match page.doorkeeper.open(offer, request.source, deadline):
        case NoPage.HANDED_OVER:
            return handed_over(request)
        case ClosedPage(portal, cause):
            return page.documents.closed(visit.language, portal, cause)
        case OpenedPage(portal, session, viewer):
            process.telemetry().hide(session)
            administrator = viewer.is_administrator
            return page.documents.application(visit.language, portal, session, administrator=administrator)
    return page.documents.unproved(visit.language)


def unreadable(error: InstallationRefused, language: Language) -> Response:
    """The neutral page; what was wrong with the form is for the log only."""
    process.telemetry().note(problem=error.code, detail=error.detail)
    return process.services().page().documents.unproved(language)


def handed_over(request: Request) -> Response:
    """To the installation, with the same verb, query and body (status 307)."""
    return redirect(307, INSTALLATION, request.query)


def answer(deadline: Deadline, request: Request) -> Response:
    """One request of the page's script."""
    session = request.headers.get("x-page-session")
    process.telemetry().hide(session)
    answers = process.services().page().answers
    name, *key_ids = request.path_parameters.get("proxy", "").split("/")
    by_verb = _ANSWERS.get((name, len(key_ids))) if all(key_ids) else None
    if by_verb is None:
        routes = (f"/v1/page/{each}{'/{key_id}' * of_key}" for each, of_key in _ANSWERS)
        raise RouteNotFound(f"Of the page there are {', '.join(routes)}")
    work = by_verb.get(request.verb)
    if work is None:
        allowed = sorted(by_verb)
        raise MethodNotAllowed(f"Here the methods are {' and '.join(allowed)}", allow=", ".join(allowed))
    return json_response(200, work(answers, request, "".join(key_ids), deadline))


_Answer = Callable[[PageAnswers, Request, str, Deadline], Mapping[str, object]]
_ANSWERS: Final[Mapping[tuple[str, int], Mapping[str, _Answer]]] = {
    ("session", 0): {"POST": lambda page, request, _, deadline: page.session(request, deadline)},
    ("find", 0): {"POST": lambda page, request, _, deadline: page.find(request, deadline)},
    ("doctor", 0): {"GET": lambda page, request, _, deadline: page.doctor(request, deadline)},
    ("keys", 0): {
        "GET": lambda page, request, _, deadline: page.keys(request, deadline),
        "POST": lambda page, request, _, deadline: page.create_key(request, deadline),
    },
    ("keys", 1): {
        "DELETE": lambda page, request, key_id, deadline: page.revoke_key(request, key_id, deadline),
    },
}
"""By name and how many parts of the path follow it, then by verb."""

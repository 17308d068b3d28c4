"""/bitrix24/install: installation, and the vendor's probes of the addresses that no other function answers.

Browsers and probes may end each address with a slash: one route of the gateway has all of these. What is posted there
comes to functions/events.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from chat_lookup.bootstrap import process
from chat_lookup.clock import Deadline, bound_by
from chat_lookup.errors import RouteNotFound
from chat_lookup.http import entrypoint
from chat_lookup.http.entrypoint import Handler
from chat_lookup.http.requests import Event, Request
from chat_lookup.http.responses import Response, empty_response, error_response, json_response, redirect
from chat_lookup.install import pages
from chat_lookup.install.offers import ApplicationEvent, Offer, Step, Visit, arrival, offer_of_visit
from chat_lookup.languages import Language, language_of
from chat_lookup.observability import invocation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ADDRESSES: Final = frozenset({"install", "app", "events"})
OF_FRAMES: Final = frozenset({"iframe", "frame"})
"""Values of Sec-Fetch-Dest, which no script of a page can set."""
SECONDS = 26
"""The gateway gives up after 30 (design 3.1)."""


def handler(event: Event, context: "LambdaContext") -> Response:
    deadline = invocation.time_left(context, process.clock, at_most=SECONDS)
    with bound_by(deadline):
        return entrypoint.respond(event, process.telemetry(), partial(routes, deadline))


def routes(deadline: Deadline) -> Mapping[str, Handler]:
    return {
        "GET /bitrix24/install": partial(browsed, deadline),
        "POST /bitrix24/install": partial(posted, deadline),
        "HEAD /bitrix24/install": probed,
        "GET /bitrix24/events": partial(browsed, deadline),
        "HEAD /bitrix24/events": probed,
        "GET /bitrix24/{address+}": partial(with_slash, partial(browsed, deadline)),
        "HEAD /bitrix24/{address+}": partial(with_slash, probed),
    }


def with_slash(handler: Handler, request: Request) -> Response:
    """The handler's answer at an address of ours with a slash at its end."""
    if request.path_parameters.get("address", "").removesuffix("/") not in ADDRESSES:
        raise RouteNotFound
    return handler(request)


def probed(_: Request) -> Response:
    return empty_response(200)


def browsed(deadline: Deadline, request: Request) -> Response:
    """A browser: before the user agrees in the portal, back with a code, or without either."""
    language = language_of(request.headers.get("accept-language", ""))
    return as_page(language, partial(browse, language, request, deadline))


def browse(language: Language, request: Request, deadline: Deadline) -> Response:
    flow = process.services().install().code_flow
    if "code" in request.query:
        process.telemetry().hide(*request.query["code"])
        return pages.page(language, ("installed", *install(flow.returned(request.query), request, deadline)))
    portal = request.optional("portal")
    if portal is not None:
        link = flow.begin(portal, request.source)
        return redirect(302, link.url) if link.is_trusted else pages.link(language, link.url, link.domain)
    return pages.page(language, ("nothing",))


def posted(deadline: Deadline, request: Request) -> Response:
    """A frame inside the portal, which receives a page, or an event of the portal, which receives JSON."""
    return as_page(Language.ENGLISH, partial(take, request, deadline))


def take(request: Request, deadline: Deadline) -> Response:
    came = arrival(request.query, request.body, request.headers.get("content-type", ""))
    process.telemetry().hide(*came.secrets)
    if isinstance(came, Visit):
        if came.step is not None:
            failed = partial(pages.step_failure, came.language, came.step, request.request_id)
            return invocation.guarded(process.telemetry(), partial(stepped, came, came.step, request, deadline), failed)
        return as_page(came.language, partial(finished, came, request, deadline))
    failure = partial(error_response, request_id=request.request_id)
    return invocation.guarded(process.telemetry(), partial(receive, came, request, deadline), failure)


def receive(event: ApplicationEvent, request: Request, deadline: Deadline) -> Response:
    installing = process.services().install()
    installing.events.handle(event, installing.own_address(request.domain_name), request.source, deadline)
    return json_response(200, {"status": "success"})


def finished(visit: Visit, request: Request, deadline: Deadline) -> Response:
    """The installer's page: it ends the installation in the portal, and nothing else does (bitrix24.md 4.2).

    A browser reports that it opens a frame, and gets a page that asks for one step after the other. All others get the
    page when everything is done: browsers that do not say so, and clients that run no script.
    """
    installing = process.services().install()
    if request.headers.get("sec-fetch-dest") in OF_FRAMES:
        return pages.installer(visit.language, visit.posted, installing.around)
    remarks = install(offer_of_visit(visit, installing.portal_hosts), request, deadline)
    return pages.page(visit.language, ("installed", *remarks), installing.around, finish=True)


def stepped(visit: Visit, step: Step, request: Request, deadline: Deadline) -> Response:
    """One step, for the script of the installer's page."""
    installing = process.services().install()
    offer, own_address = offer_of_visit(visit, installing.portal_hosts), installing.own_address(request.domain_name)
    done = installing.installation.take(step, offer, own_address, request.source, deadline)
    return pages.taken(visit.language, done.remarks)


def install(offer: Offer, request: Request, deadline: Deadline) -> tuple[str, ...]:
    """The keys of the sentences about the installation."""
    installing = process.services().install()
    own_address = installing.own_address(request.domain_name)
    return installing.installation.install(offer, own_address, request.source, deadline).remarks


def as_page(language: Language, work: Callable[[], Response]) -> Response:
    """The response of `work`, or a page with the failure and what to do."""
    return invocation.guarded(process.telemetry(), work, partial(pages.failure, language))

"""The HTML of the portal's pages. Whatever comes from the portal's content or from an address is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote, urlencode

from local.portal.content.chat import Chat
from local.portal.content.content import User
from local.portal.content.crm import CrmKey, CrmObject
from local.portal.pages.frames import Frame


class Viewer(NamedTuple):
    """Who looks at a page, and the users to switch to; `here` is the address of the page without a user."""

    user: User
    users: Sequence[User]
    here: str


def page(title: str, viewer: Viewer, body: str, *, script: bool = False) -> str:
    """A whole page with its switch of users."""
    more = '<script src="/portal.js" defer></script>' if script else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="/portal.css">{more}</head><body><header>'
        '<nav aria-label="Portal"><a href="/">Chats, objects, applications</a></nav>'
        f'<nav aria-label="User"><ul>{"".join(_switch(viewer, user) for user in viewer.users)}</ul></nav></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _switch(viewer: Viewer, user: User) -> str:
    joint = "&" if "?" in viewer.here else "?"
    current = ' aria-current="true"' if user.id == viewer.user.id else ""
    rank = " (administrator)" if user.admin else ""
    address = escape(f"{viewer.here}{joint}user={user.id}")
    return f'<li><a data-user="{user.id}"{current} href="{address}">{escape(user.full_name)}{rank}</a></li>'


def home(chats: Iterable[Chat], objects: Iterable[CrmObject], applications: Iterable[tuple[str, str]]) -> str:
    """The chats of a user, the objects of the CRM, and the applications with their states."""
    places = ((object_address(each.key), each.title, each.key.pair) for each in objects)
    opened = ((f"/marketplace/app/{quote(client_id)}/", client_id, state) for client_id, state in applications)
    return "".join(
        (
            _section("Your chats", chat_links(chats)),
            _section("Objects", "".join(_entry(*each) for each in places if each[0])),
            _section("Applications", "".join(_entry(*each) for each in opened)),
        )
    )


def chat_links(chats: Iterable[Chat]) -> str:
    """The entries of chats, each with its dialog id."""
    return "".join(
        _entry(dialog_address(f"chat{chat.id}"), chat.title, _pair(chat), f' data-dialog="chat{chat.id}"')
        for chat in chats
    )


def dialog_address(dialog_id: str) -> str:
    """Where a chat is shown; links of applications have this address, too (bitrix24.md 10.5)."""
    return "/online/?" + urlencode({"IM_DIALOG": dialog_id})


def object_address(key: CrmKey) -> str:
    """Where an object is shown; empty for those without a page here."""
    return f"/crm/{key.type_name.lower()}/details/{key.id}/" if key.type_name in PAGES else ""


PAGES = ("LEAD", "DEAL", "CONTACT", "COMPANY")


def chat(found: Chat, members: Iterable[User]) -> str:
    """One chat."""
    names = ", ".join(escape(each.full_name) for each in members)
    return f'<section data-messenger="chat{found.id}"><h2>{escape(_pair(found))}</h2><p>{names}</p></section>'


def crm_object(chats: Iterable[Chat]) -> str:
    return _section("Chats of this object", chat_links(chats))


def to_open(viewer: Viewer) -> str:
    """The way to an application's installer for a browser that another page led here."""
    return f'<p><a id="install" href="{escape(viewer.here)}">Install this application</a></p>'


def framed(frame: Frame, url: str, origin: str, name: str) -> str:
    """The one frame of an application, its POST, and what it opens around itself."""
    fields = "".join(
        f'<input type="hidden" name="{escape(field)}" value="{escape(value)}">' for field, value in frame.form.items()
    )
    return (
        f'<form id="open" method="post" action="{escape(url)}" target="{escape(name)}">{fields}</form>'
        '<section id="messenger" role="dialog" aria-label="Messenger" tabindex="-1" hidden><h2>Chat</h2>'
        '<p><a href="/">Open this chat</a> <button type="button" id="messenger-close">Close</button></p></section>'
        f'<iframe name="{escape(name)}" title="Application" data-origin="{escape(origin)}" '
        f'data-sid="{escape(frame.app_sid)}" data-key="{escape(frame.key)}"></iframe>'
    )


def _pair(chat: Chat) -> str:
    return f"{chat.entity_type} {chat.entity_id}".strip() or "without an object"


def _section(title: str, entries: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{f'<ul>{entries}</ul>' if entries else '<p>None.</p>'}</section>"


def _entry(address: str, title: str, more: str, attributes: str = "") -> str:
    return f'<li><a{attributes} href="{escape(address)}">{escape(title)}</a> <small>{escape(more)}</small></li>'

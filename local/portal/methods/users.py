"""Methods about users: the caller, any user by id, and users by a filter."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from local.portal.content import user_json
from local.portal.content.content import User, UserKind
from local.portal.methods.call import Call, Method, Page
from local.portal.oauth.grant import BASIC
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

_USERS: Final = "user user_basic user_brief"
_PAGE: Final = 50
_LISTED: Final[tuple[UserKind, ...]] = ("employee", "extranet", "collaber")
_NOT_A_FILTER: Final = frozenset({"AUTH", "SORT", "ORDER", "FILTER", "SELECT", "ADMIN_MODE", "IMAGE_RESIZE", "START"})

_FILTER: Final = re.compile(r"(?P<negated>!?)(?P<how>=%|%=|[@%=]?)(?P<field>.*)")
_OF_CURRENT: Final = (
    "ID", "ACTIVE", "NAME", "LAST_NAME", "EMAIL", "LAST_LOGIN", "DATE_REGISTER", "IS_ONLINE", "PERSONAL_GENDER",
    "PERSONAL_BIRTHDAY", "WORK_POSITION", "UF_EMPLOYMENT_DATE", "UF_DEPARTMENT",
)  # fmt: skip

_Fields = Mapping[str, object]


def profile(call: Call) -> object:
    """The caller (bitrix24.md 1.17), whose id is a string; an empty list if the user is no longer active."""
    user = call.content.users[call.grant.user_id]
    if not user.active:
        return []
    return {
        "ID": str(user.id),
        "ADMIN": user.admin,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "PERSONAL_GENDER": "",
        "TIME_ZONE": "",
    }


def admin(call: Call) -> object:
    """Whether the caller may manage applications, as `ADMIN` of the profile (user-admin.md)."""
    return call.content.users[call.grant.user_id].admin


def current(call: Call) -> object:
    """The caller again, for grants with a scope of users; the answer does not contain whether the caller is an
    administrator."""
    account = _account(call, call.content.users[call.grant.user_id])
    return {name: account[name] for name in _OF_CURRENT if name in account}


def listed(call: Call) -> object:
    """Users by a filter, fifty a page; no bots, and none who are reached by mail or at an open line (user-get.md).

    Filters that stand beside `sort` and `order`, as in the page's samples, count as well.
    """
    filters = {name.upper(): value for name, value in _filters(call).items()}
    found = [_account(call, user) for user in call.content.users.values() if user.kind in _LISTED]
    found = [account for account in found if all(_matches(account, *each) for each in filters.items())]
    by = call.text("sort").upper() or "ID"
    found.sort(key=lambda account: _order(account.get(by)), reverse=call.text("order").upper() == "DESC")
    first = php.whole(call.text("start")) or 0
    last = first + _PAGE
    chosen = [_chosen(account, php.entries(call.param("select"))) for account in found[first:last]]
    return Page(chosen, len(found), last if last < len(found) else None)


def im_user_get(call: Call) -> object:
    """A user as the messenger shows it, by `ID` or else the caller (im-user-get.md); a text is 0 to PHP."""
    user_id = call.grant.user_id if call.param("ID") is None else php.whole(call.text("ID")) or 0
    if user_id <= 0:
        raise Refused("ID_EMPTY")
    user = call.content.users.get(user_id)
    if user is None:
        raise Refused("USER_NOT_EXISTS")
    return user_json.im_user(user, call.content.bots.get(user_id))


def _filters(call: Call) -> dict[str, object]:
    if call.param("FILTER") is not None:
        return call.array("FILTER")
    return {name: value for name, value in call.params.items() if name.upper() not in _NOT_A_FILTER}


def _account(call: Call, user: User) -> _Fields:
    return user_json.account(user, call.grant.scopes, call.now)


def _matches(account: _Fields, name: str, asked: object) -> bool:
    """Whether a user has what a filter asks for: values with `%` anywhere, a part of a value, or one of several, each
    also negated. A field that the user does not have filters nothing, and neither do the comparisons `<` and `>`."""
    filter_ = _FILTER.fullmatch(name)
    value = account.get(filter_["field"]) if filter_ else None
    if filter_ is None or value is None:
        return True
    wanted = [_text(each) for each in php.entries(asked).values()] or [_text(asked)]
    if filter_["how"] == "%":
        wanted = [f"%{each}%" for each in wanted]
    values = [_text(each) for each in php.entries(value).values()] or [_text(value)]
    return any(_like(one, pattern) for one in values for pattern in wanted) != bool(filter_["negated"])


def _text(value: object) -> str:
    """A value to compare: a flag of the user is a boolean, and callers also write it as Y, 1 or true."""
    text = php.text(value)
    return {"true": "1", "Y": "1", "false": "", "N": "", "0": ""}.get(text, text)


def _like(value: str, pattern: str) -> bool:
    """SQL's LIKE, which ignores case."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("%"))), value, re.IGNORECASE | re.DOTALL))


def _order(value: object) -> tuple[int, str]:
    """Numbers in their order, texts in theirs."""
    text = php.text(value)
    number = php.whole(text)
    return (0, text) if number is None else (number, "")


def _chosen(account: _Fields, select: Mapping[str, object]) -> _Fields:
    """The fields that `select` names, all of them by default or by `*`; unknown names are ignored."""
    names = {php.text(each).upper() for each in select.values()}
    if not names or "*" in names:
        return account
    custom = "UF_*" in names
    return {name: each for name, each in account.items() if name in names or (custom and name.startswith("UF_"))}


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("profile", BASIC, profile),
    ("user.admin", BASIC, admin),
    ("user.current", _USERS, current),
    ("user.get", _USERS, listed),
    ("im.user.get", "im", im_user_get),
)
METHODS = tuple(Method(*row) for row in _ROWS)

"""Methods about users: the caller, and any user by id."""

from collections.abc import Callable

from local.portal.content import user_json
from local.portal.methods.call import Call, Method
from local.portal.oauth.grant import BASIC
from local.portal.protocol.errors import Refused


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


def current(call: Call) -> object:
    """The caller again, for grants with a scope of users; the answer does not contain whether the caller is an
    administrator."""
    user = call.content.users[call.grant.user_id]
    return {
        "ID": str(user.id),
        "ACTIVE": user.active,
        "NAME": user.name,
        "LAST_NAME": user.last_name,
        "IS_ONLINE": "Y",
        "PERSONAL_GENDER": "",
        "WORK_POSITION": user.work_position,
        "UF_DEPARTMENT": [1],
    }


def im_user_get(call: Call) -> object:
    """A user as the messenger shows it, by `ID` or else the caller (im-user-get.md)."""
    text = call.text("ID") or str(call.grant.user_id)
    user = call.content.users.get(int(text)) if text.isascii() and text.isdigit() else None
    if user is None:
        raise Refused("USER_NOT_EXISTS")
    return user_json.im_user(user)


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("profile", BASIC, profile),
    ("user.current", "user user_basic user_brief", current),
    ("im.user.get", "im", im_user_get),
)
METHODS = tuple(Method(*row) for row in _ROWS)

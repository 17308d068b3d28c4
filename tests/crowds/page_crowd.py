"""The users of a portal who have its page open, for processes of the page's function."""

import json
from contextlib import suppress
from typing import Final

from tests.chaos.crowd_process import Setting
from tests.crowds.page_process import View
from tests.support.stores.tables import Tables
from tests.support.tokens.token_scene import Scene

PROCESSES: Final = 2
"""Of each function."""
_PAGE_KEY: Final = "chat-lookup/page-key"
"""As the template names it."""
_USERS: Final = 10
_FIRST_USER: Final = 101
_FIRST_DEAL: Final = 7_000


def viewers(scene: Scene, count: int) -> list[View]:
    """So many, each of whom asks for a deal of the CRM that was not asked for yet; users have several tokens."""
    with suppress(scene.stores.secrets.exceptions.ResourceExistsException):
        scene.stores.secrets.create_secret(Name=_PAGE_KEY, SecretString=json.dumps({"key": "k" * 64}))
    users = range(_FIRST_USER, _FIRST_USER + _USERS)
    for user_id in users:
        scene.probe.tell("/users", {"user_id": user_id, "name": f"User {user_id}", "admin": False})
    views = []
    for number in range(count):
        deal, user_id = _FIRST_DEAL + number, users[number % _USERS]
        scene.probe.tell("/crm", {"type": "deal", "id": deal})
        token = scene.probe.tell("/grants", {"user_id": user_id})["access_token"]
        views.append(View(str(user_id), token, f"deal {deal}"))
    return views


def shared(scene: Scene, tables: Tables, name: str) -> Setting:
    """The setting of one process of the scene."""
    setting = scene.setting
    log = setting.folder / f"{name}.log"
    return Setting(setting.environment, setting.clock_file, setting.member_id, log, tables.endpoint_url)

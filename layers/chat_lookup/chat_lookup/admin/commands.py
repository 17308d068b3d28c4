"""Operators' commands, by direct invocation only (design 3.5): the table of all of them, and what runs one.

The table is the contract of each command: the function refuses what it does not admit, `./lookup admin` makes its
options of it, and docs/admin.md is made from it (`python -m tools.lookup.reference`).
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields

if TYPE_CHECKING:
    from chat_lookup.clock import Deadline
    from chat_lookup.observability.telemetry import Telemetry

USUAL_LETTERS: Final = 1_000
MOST_LETTERS: Final = 10_000
"""Dead letters that one command sends back, unless its limit is another, and at most."""

_PLACEHOLDER: Final = r"<[^<>]*>"
"""The value of a field in a sample, where an operator's own belongs: `<client_secret>`."""


class Kind(StrEnum):
    """The JSON type of a field, as documents and errors call it."""

    TEXT = "text"
    TEXTS = "list of texts"
    NUMBER = "number"
    WHOLE = "whole number"
    FLAG = "true or false"


class Field(NamedTuple):
    """One field of a command. `default` are the words for what holds where it is not given."""

    name: str
    about: str
    example: object
    kind: Kind = Kind.TEXT
    required: bool = False
    secret: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0

    @property
    def admitted(self) -> str:
        """The values that are admitted, in words."""
        if self.choices:
            return f"{'a list of ' if self.kind is Kind.TEXTS else ''}{' or '.join(self.choices)}"
        bounds = f" from {self.least:g} to {self.most:.15g}" if self.most else ""
        return f"{self.kind.value}{bounds}"

    def check(self, fields: Fields) -> None:
        """Raises `InvalidRequest`, which names the field and what is admitted, and quotes no value."""
        try:
            self._read(fields)
        except InvalidRequest as error:
            raise InvalidRequest(f"{error.detail}: {self.about}") from None

    def _read(self, fields: Fields) -> None:
        given = fields.any(self.name)
        texts = given if isinstance(given, list) else [given]
        if any(isinstance(each, str) and re.fullmatch(_PLACEHOLDER, each.strip()) for each in texts):
            raise InvalidRequest(f"{self.name} is still the placeholder of a sample, your own value belongs there")
        if given is None and self.required:
            raise InvalidRequest(f"{fields.not_given(self.name)} ({self.admitted})")
        match self.kind:
            case Kind.TEXT if self.secret:
                fields.optional_secret(self.name)
            case Kind.TEXT:
                fields.optional_text(self.name)
            case Kind.TEXTS:
                fields.optional_texts(self.name)
            case Kind.NUMBER:
                fields.optional_number(self.name, least=self.least, most=self.most)
            case Kind.WHOLE:
                fields.optional_whole(self.name, most=int(self.most) or None)
            case Kind.FLAG:
                fields.optional_flag(self.name)
        if self.choices and given is not None and not set(texts) <= set(self.choices):
            raise InvalidRequest(f"{self.name} can only be {self.admitted}")


class CommandContract(NamedTuple):
    """One command. `warning` is what is lost for good, or until an operator acts; the operator confirms it first."""

    about: str
    fields: tuple[Field, ...] = ()
    warning: str = ""

    def check(self, name: str, fields: Fields) -> None:
        """Raises `InvalidRequest` for the first field that is missing, unknown, or not as the table has it."""
        for field in self.fields:
            field.check(fields)
        takes = ", ".join(field.name for field in self.fields)
        fields.nothing_else(f"; {name} takes {takes or 'no fields'}")


_PORTAL: Final = Field(
    "portal", "the portal's domain or member id", "acme.bitrix24.com", default="the only portal, where there is one"
)
_RATE: Final = Field(
    "rate", "requests a second that the portal takes (Enterprise: 5)", 2, Kind.NUMBER, least=0.1, most=1000
)
_BURST: Final = Field(
    "burst", "requests that the portal takes at once (Enterprise: 250)", 50, Kind.WHOLE, least=1, most=100_000
)
_DEFAULT: Final = Field(
    "default",
    "whether the portal is the one that look-ups without `portal` ask",
    True,
    Kind.FLAG,
    default="false; the first portal is the default one",
)
_CLIENT_ID: Final = Field(
    "client_id", "the application's code, from its card", "local.65f0c1a2b3d4e5.01234567", required=True
)
_CLIENT_SECRET: Final = Field(
    "client_secret", "the application's key, from its card", "<client_secret>", required=True, secret=True
)
_DOMAIN: Final = Field("domain", "the portal's host", "acme.bitrix24.com")
_KEY_ID: Final = Field("key_id", "the key's name in `keys.list`", "0123456789ab")

COMMANDS: Final[Mapping[str, CommandContract]] = {
    "apps.add": CommandContract(
        "Stores the keys of an application, so that it can be installed.",
        (
            _CLIENT_ID,
            _CLIENT_SECRET,
            Field(
                "kind", "an application of one portal, or of the market", "local",
                required=True, choices=("local", "market"),
            ),
            _DOMAIN._replace(
                about="the portal's host, where its application is a local one", default="none, for a market one"
            ),
        ),
    ),
    "apps.list": CommandContract("Lists the applications, without their secrets."),
    "apps.remove": CommandContract(
        "Deletes an application that no portal uses, with its secret.",
        (_CLIENT_ID,),
        warning="The application's secret is deleted: it can be added again from its card only.",
    ),
    "apps.rotate_secret": CommandContract(
        "Stores the new secret of an application; the former one stays valid beside it for a day.",
        (_CLIENT_ID, _CLIENT_SECRET),
    ),
    "apps.set": CommandContract(
        "Gives a local application the new domain of its portal.",
        (_CLIENT_ID, _DOMAIN._replace(required=True)),
    ),
    "cache.purge": CommandContract("Forgets every cached answer of a portal: its pairs are asked anew.", (_PORTAL,)),
    "doctor": CommandContract(
        "Reports what is wrong with a portal and the queues, each with what mends it; changes nothing.",
        (_PORTAL._replace(default="every portal"),),
    ),
    "events.redrive": CommandContract(
        "Sends dead letters back to the queue, after the cause of their failure was removed.",
        (
            Field(
                "limit", "messages at most", USUAL_LETTERS, Kind.WHOLE, default=str(USUAL_LETTERS), least=1,
                most=MOST_LETTERS,
            ),
        ),
    ),
    "keys.create": CommandContract(
        "Makes an API key of a portal. It is in this answer only: the service keeps its hash.",
        (
            Field("label", "what the key is for", "shop", required=True),
            _PORTAL,
            Field(
                "scopes", "what the key may be used for", ["lookup", "details"], Kind.TEXTS,
                default="lookup", choices=("lookup", "details", "rest", "passthrough"),
            ),
            Field(
                "passthrough", "with the scope passthrough: the portal's methods that the key lets through",
                ["crm.deal.get"], Kind.TEXTS, default="none",
            ),
            Field(
                "expires_in_days", "days until the key expires", 90, Kind.NUMBER, default="never",
                least=0.001, most=3650,
            ),
        ),
    ),
    "keys.list": CommandContract("Lists the keys of a portal; the keys themselves are kept nowhere.", (_PORTAL,)),
    "keys.restore": CommandContract(
        "Makes keys valid again that an uninstallation suspended.",
        (_PORTAL, _KEY_ID._replace(default="all of the portal's")),
    ),
    "keys.revoke": CommandContract(
        "Deletes a key: its callers get 401 within 30 seconds.",
        (_KEY_ID._replace(required=True), _PORTAL),
        warning="A key that is revoked cannot be restored: its callers need a new one.",
    ),
    "portal.add_webhook": CommandContract(
        "Adds a portal by its inbound webhook, or stores a new webhook for it; the portal is asked first.",
        (
            Field("webhook_url", "the inbound webhook's URL", "<webhook_url>", required=True, secret=True),
            Field(
                "member_id", "the portal's member id, by which events name it", "f0e1d2c3b4a5968778695a4b3c2d1e0f",
                default="one made of the domain; no events then",
            ),
            Field("bot_id", "the id of a bot of your own in the portal", 133, Kind.WHOLE, default="no bot"),
            Field("bot_token", "the token that your bot was registered with", "<bot_token>", secret=True),
            Field(
                "application_token", "the token that the portal gave your bot; it needs member_id",
                "<application_token>", secret=True,
            ),
            _RATE._replace(default="2"),
            _BURST._replace(default="50"),
            _DEFAULT,
        ),
    ),
    "portal.forget": CommandContract(
        "Removes all that is stored of a portal, and what is registered in it.",
        # Not even the only portal is meant where none is named: it may be an empty variable of a script.
        (_PORTAL._replace(required=True, default=""),),
        warning="Keys, credentials and cached answers of the portal are deleted, and its bot is unregistered.",
    ),
    "portal.rebind": CommandContract(
        "Registers bot and events in the portal again, as after a change of the service's address.",
        (
            _PORTAL,
            Field(
                "public_url", "the service's own address, https://host", "https://chats.example.com",
                default="the address on record",
            ),
        ),
    ),
    "portal.set": CommandContract(
        "Sets a portal's pace, the form of its results, or makes it the default one.",
        (
            _PORTAL,
            _RATE._replace(default="as it is"),
            _BURST._replace(default="as it is"),
            Field(
                "result_shape", "what `/rest` answers for a chat: an object, or a bare number", "object",
                default="as it is", choices=("object", "int"),
            ),
            _DEFAULT._replace(default="false: the default portal stays"),
        ),
    ),
    "portal.start": CommandContract("Ends a stop. If the portal is closed, the next caller looks at once.", (_PORTAL,)),
    "portal.stop": CommandContract("Stops all calls to a portal; callers get 503 `portal-stopped`.", (_PORTAL,)),
    "portals": CommandContract("Lists the portals with their state, pace and the age of their tokens."),
    "portals.reconcile": CommandContract("Makes records agree with their secrets, after PortalTable was restored."),
}  # fmt: skip
"""Every command by its name."""

AdminCommand = Callable[[Fields, "Deadline"], dict[str, object]]
CommandGroup = Callable[[], Mapping[str, AdminCommand]]
"""The commands of one group by their names; called when one of them is asked for."""


class Admin:
    """The commands of all groups: each takes fields and returns a JSON object; wrong fields raise `InvalidRequest`.

    A group is named by its one command, or by what the names of its commands begin with, up to the dot.
    """

    def __init__(self, telemetry: "Telemetry", groups: Mapping[str, CommandGroup]) -> None:
        self._telemetry = telemetry
        self._groups = groups

    def run(self, fields: Fields, deadline: "Deadline") -> dict[str, object]:
        """Run the command that the fields name, with the other fields, once they are as the table has them."""
        name = fields.text("command")
        if name not in COMMANDS:
            raise InvalidRequest(f"command must be one of {', '.join(COMMANDS)}")
        group = self._groups.get(name) or self._groups[name.partition(".")[0]]
        command = group()[name]
        self._telemetry.note(command=name)
        COMMANDS[name].check(name, fields)
        return command(fields, deadline)

"""The lines in JavaScript and PHP of the platform's pages about im.chat.get and imbot.chat.get, as they are printed."""

from dataclasses import dataclass
from typing import Final

from tests.sdk.calls import NULL, Outcome, chat
from tests.sdk.doors import Mode

BOTH: Final[tuple[Mode, ...]] = ("webhook", "oauth")
WITH_TOKEN: Final[tuple[Mode, ...]] = ("oauth",)
"""Of clients that have a token only."""

_FIRST_PAGE_OF_BOTS: Final = """
$result = restCommand(
    'imbot.chat.get',
    Array(
        'ENTITY_TYPE' => 'OPEN',
        'ENTITY_ID' => 13,
        'BOT_ID' => 39,
    ),
    $_REQUEST[
        "auth"
    ]
);
"""
_FIRST_PAGE: Final = """
$result = restCommand(
    'im.chat.get',
    Array(
        'ENTITY_TYPE' => 'CRM',
        'ENTITY_ID' => 'LEAD|13',
    ),
    $_REQUEST[
        "auth"
    ]
);
"""
_OPEN_LINE: Final = """
BX24.callMethod(
    'im.chat.get',
    {
        ENTITY_TYPE: "LINES",
        ENTITY_ID: "telegrambot|2|209607941|744"

    },
    (result) => {
        result.error()
            ? console.error(result.error())
            : console.info(result.data())
        ;
    },
);
"""
_B24JSSDK: Final = """
try
{
    const response = await $b24.callMethod(
        'imbot.chat.get',
        {
            ENTITY_TYPE: 'CHAT',
            ENTITY_ID: '13'
        }
    );

    const result = response.getData().result;
    console.log('Retrieved chat data:', result);
    processResult(result);
}
catch( error )
{
    console.error('Error:', error);
}
"""
_B24PHPSDK: Final = """
try {
    $response = $b24Service
        ->core
        ->call(
            'imbot.chat.get',
            [
                'ENTITY_TYPE' => 'CHAT',
                'ENTITY_ID' => '13'
            ]
        );

    $result = $response
        ->getResponseData()
        ->getResult();

    echo 'Success: ' . print_r($result, true);
    processData($result);

} catch (Throwable $e) {
    error_log($e->getMessage());
    echo 'Error retrieving chat: ' . $e->getMessage();
}
"""
_BX24: Final = """
BX24.callMethod(
    'imbot.chat.get',
    {
        ENTITY_TYPE: 'CHAT',
        ENTITY_ID: '13'
    },
    function (result)
    {
        if (result.error())
            console.error(result.error());
        else
            console.dir(result.data());
    }
);
"""
_CREST: Final = """
require_once('crest.php');

$result = CRest::call(
    'imbot.chat.get',
    [
        'ENTITY_TYPE' => 'CHAT',
        'ENTITY_ID' => '13'
    ]
);

echo '<PRE>';
print_r($result);
echo '</PRE>';
"""


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines, the modes of the client that they are for, and what they find where the documents' chats are."""

    source: str
    modes: tuple[Mode, ...]
    found: Outcome


JAVASCRIPT: Final = {
    "b24jssdk": Printed(_B24JSSDK, BOTH, chat(2725)),
    "BX24.js": Printed(_BX24, WITH_TOKEN, chat(2725)),
    "BX24.js, an open line": Printed(_OPEN_LINE, WITH_TOKEN, chat(1764)),
}
PHP: Final = {
    "restCommand, a bot's": Printed(_FIRST_PAGE_OF_BOTS, WITH_TOKEN, NULL),
    "restCommand, a lead": Printed(_FIRST_PAGE, WITH_TOKEN, chat(10)),
    "b24phpsdk": Printed(_B24PHPSDK, BOTH, chat(2725)),
    "CRest": Printed(_CREST, BOTH, chat(2725)),
}

"""Bitrix24 Chat Lookup: which chat belongs to this CRM deal, open line, task, group or foreign object?"""

from typing import Final

VERSION: Final = "1.0.0"
"""Of the package, the contract (docs/openapi.yaml) and the deployed service: what `/health` answers."""

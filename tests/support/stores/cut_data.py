"""botocore's data as the layer has it, for clients of AWS in tests."""

from functools import cache, partial
from pathlib import Path

import pytest
from botocore import loaders
from botocore.session import Session, get_session

from chat_lookup.bootstrap import aws_clients
from layers.trim import Operations, cut_data
from tests.support.repository import ROOT

LISTS = ROOT / "layers/chat_lookup"
WHOLE = Path(loaders.Loader.BUILTIN_DATA_PATH)


def cut(folder: Path) -> Path:
    """Write the data into a new folder, as the build of the layer does."""
    cut_data(WHOLE, folder, Operations.read(LISTS).services)
    return folder


def session_of(folder: Path) -> Session:
    """A session that reads the data of this folder, and no other."""
    session = get_session()
    loader = loaders.Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session


def use(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Our clients read the data of this folder. The emulated stores, in the same process, go on reading the whole."""
    patch.setattr(aws_clients, "session", cache(partial(session_of, folder)))

"""What scenes of processes need in a benchmark, where no fixture of the tests makes it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from local.aws import environment
from local.aws.embedded import EmbeddedAws
from local.stack import ROOT
from local.template.reader import Template
from tests.support.stores.tables import Tables, tables_in
from tests.support.tokens.token_scene import Place, running_place


class Ground(NamedTuple):
    """What `running_scene` takes."""

    place: Place
    tables: Tables
    secrets_url: str
    folder: Path


@contextmanager
def ground(dynamodb_url: str) -> Iterator[Ground]:
    """A portal, tables in a DynamoDB Local, embedded secrets and a folder, until the end of the scene."""
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        closing.enter_context(environment.replaced({}))
        aws = EmbeddedAws(Template.load(ROOT / "template.yaml"))
        closing.callback(aws.stop)
        aws.start()
        place = closing.enter_context(running_place(folder))
        tables = closing.enter_context(tables_in(dynamodb_url))
        yield Ground(place, tables, aws.endpoint_url, folder)

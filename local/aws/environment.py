"""The environment of the functions, which replaces the user's own during a local run."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.aws.embedded import ENVIRONMENT
from local.template.reader import Template, TemplateError


def variables(template: Template, filled: Mapping[str, str]) -> dict[str, str]:
    """Every variable that the functions declare, with the values of `filled` instead of the template's.

    Raises TemplateError for a value that no function declares, or that functions declare differently: in a container
    it would be missing or different, and here they share one process.
    """
    if undeclared := sorted(filled.keys() - template.declared()):
        raise TemplateError(f"no function declares {', '.join(undeclared)}")
    together: dict[str, str] = {}
    for function in template.functions.values():
        for name, value in function.environment.items():
            if together.setdefault(name, filled.get(name, value)) != filled.get(name, value):
                raise TemplateError(f"{name} differs between functions, which share one process here")
    return together


@contextmanager
def replaced(values: Mapping[str, str]) -> Iterator[None]:
    """Inside, the process has `values` and the local run's own AWS settings, and none of the user's AWS variables."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({**ENVIRONMENT, **values})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

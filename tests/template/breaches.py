"""The house rules of template.yaml, and the places where a template breaks them.

Each rule reads one form of the template (`template_forms`) and yields the places of its breaches. Resources that one
form lacks (SAM's functions in the translated one, Lambda's in the written one) are in the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from tests.template import access_rules as access
from tests.template import resource_rules as resources
from tests.template.forms import Template, forms
from tests.template.reading import Places


@dataclass(frozen=True, slots=True)
class Rule:
    """A house rule: `sentence` describes it, `breaches` yields the places in a form that break it."""

    name: str
    sentence: str
    breaches: Callable[[Template], Places]


RULES = tuple(
    Rule(each.__name__, str(each.__doc__), each)
    for each in (
        access.resource_of_a_statement,
        access.action_of_a_statement,
        access.rows_of_a_statement,
        access.public_access,
        access.policy_of_aws,
        resources.log_group,
        resources.json_logging,
        resources.tracing,
        resources.memory,
        resources.timeout,
        resources.errors_alarm,
        resources.queue_alarm,
        resources.missing_data,
        resources.encryption,
        access.tls_only,
        resources.state,
        resources.cors,
        access.secret_by_name,
        access.secret_by_shape,
        resources.parameter,
        resources.cycle,
    )
)


def breaches(template: Template) -> dict[Rule, set[str]]:
    """The broken rules with the places of their breaches, each place with its form."""
    found: dict[Rule, set[str]] = {}
    for (form, each), rule in product(forms(template), RULES):
        for place in rule.breaches(each):
            found.setdefault(rule, set()).add(f"{form}: {place}")
    return found

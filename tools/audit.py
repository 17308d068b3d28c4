"""`make audit`: known advisories for the packages of the layer, by pip-audit.

pip-audit succeeds when a package is unknown to the service that it asks, as in a network with a registry of its own.
Here that is no success: the exit status is 0 for no advisory, 1 for at least one, 2 where none could be had for some
package.
"""

import json
import os
import subprocess  # for commands of its own wording only  # nosec B404
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

from tools.pins import HASHED

CLEAN: Final = 0
VULNERABLE: Final = 1
UNKNOWN: Final = 2


class Verdict(NamedTuple):
    status: int
    lines: list[str]


def judged(output: str, errors: str) -> Verdict:
    """The verdict from what pip-audit prints, in JSON, and reports beside it."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (errors.strip().splitlines() or ["pip-audit printed nothing"])[-1]
        return Verdict(UNKNOWN, [f"No advisories can be had here: {last}"])
    found = [_line(each, advisory) for each in packages for advisory in each.get("vulns", ())]
    skipped = [str(each["name"]) for each in packages if "skip_reason" in each]
    if skipped:
        found.append(f"No advisories can be had here for {', '.join(skipped)}")
    if any(each.get("vulns") for each in packages):
        return Verdict(VULNERABLE, found)
    return Verdict(UNKNOWN if skipped else CLEAN, found or [f"{len(packages)} packages, no known advisory"])


def _line(package: Mapping[str, object], advisory: Mapping[str, object]) -> str:
    fixed = advisory.get("fix_versions")
    versions = ", ".join(str(each) for each in fixed) if isinstance(fixed, list) else ""
    return f"{package['name']} {package['version']}: {advisory['id']}, fixed in {versions or 'no version yet'}"


def main(environ: Mapping[str, str]) -> int:
    """Returns the exit status."""
    command = [environ.get("PIP_AUDIT", ".venv-supply/bin/pip-audit"), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "30"]
    command += ["--vulnerability-service", environ.get("AUDIT_SERVICE", "pypi"), "--requirement", str(HASHED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our words
    verdict = judged(done.stdout, done.stderr)
    print("\n".join(verdict.lines))
    return verdict.status


if __name__ == "__main__":
    sys.exit(main(os.environ))

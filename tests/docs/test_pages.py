"""What the pages say is so: links lead somewhere, tables match the code, transcripts match the output."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

import remediate.cli.app
import remediate.engine.execute
import remediate.journal.sqlite
from actions.registry import ACTIONS
from arm.clouds import CLOUDS
from arm.errors import RemediationError, WriteError
from arm.facts.permissions import READS as READS_OF_FACTS
from arm.writes import OPERATIONS
from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks.catalogue import entries
from runbooks.permissions import BEHIND
from simulator import SCENARIOS
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID

from ..drill import CODE, Drill

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
README, CONFIGURATION, OUTPUT, DEPENDENCIES = (
    ROOT / name for name in ("README.md", "docs/configuration.md", "docs/output.md", "docs/dependencies.md")
)
READS = re.compile(r"^Microsoft\.\S+$", re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(path: Path, heading: str) -> str:
    """The part of a page under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text_of(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no section {heading!r}"
    return found[1]


def first_cells(table: str) -> list[str]:
    """The first cell of every row of a table, without heading and back-ticks."""
    rows = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    return [cell.strip("`") for cell in rows[1:]]


def anchors(path: Path) -> set[str]:
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text_of(path), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[tuple[str, Path, str]]:
    """Every link of a page into this repository: as written, the file, the anchor."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            yield link, (path.parent / file).resolve() if file else path, anchor


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    wrong = [
        link
        for link, target, anchor in links(path)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert wrong == []


def test_the_exit_codes_in_the_readme_are_those_of_the_code():
    codes = {verdict.exit_code for verdict in Verdict} | {one.exit_code for one in errors_seen_by_users()}
    assert set(first_cells(section(README, "Exit codes"))) == {str(code) for code in codes | {130}}
    assert remediate.cli.app.INTERRUPTED == 130


def test_every_guard_is_in_the_readme():
    code = "".join(text_of(path) for room in ("guards", "remediate") for path in (ROOT / room).rglob("*.py"))
    named = set(re.findall(r"Refusal\(\s*\"([a-z-]+)\"", code)) | set(
        re.findall(r"^_GUARD = \"(.*)\"", code, re.MULTILINE)
    )
    assert set(first_cells(section(README, "Guards"))) == named


def test_every_permission_to_write_is_in_the_readme():
    table = section(README, "Permissions")
    assert set(re.findall(r"`(Microsoft\.\S+)`", table)) == {
        permission for operation in OPERATIONS.values() for permission in operation.permissions
    }


def test_every_permission_to_read_is_on_the_page():
    needed = {action for actions in READS_OF_FACTS.values() for action in actions}
    needed |= {action for behind in BEHIND.values() for action in behind.follow}
    assert needed - set(READS.findall(section(CONFIGURATION, "Permissions to read"))) == set()


@pytest.mark.parametrize("scenario", ["rp-collection-limit-subscription-lock", "rp-collection-limit-custom-group"])
def test_no_permission_to_read_is_asked_for_that_the_page_does_not_list(drill, scenario):
    world = drill(scenario)
    run_everything(world)
    asked = {one["action"] for one in world.simulator.requests if not one["write"]}
    assert asked - set(READS.findall(section(CONFIGURATION, "Permissions to read"))) == set()


def run_everything(world: Drill) -> None:
    """Plan every action, and repair to the end."""
    for name in ACTIONS:
        given = {"grant_key_vault_access": {"principal-id": BACKUP_OBJECT_ID}, "exclude_disks": {"luns": "0"}}
        arguments = given.get(name, {})
        world.remediation(read_only=True).plan(f"action:{name}", world.vm(world.session(read_only=True)), arguments)
    digest = world.remediation(read_only=True).plan(CODE, world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest))
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(timedelta(hours=4))
        report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED


def test_the_variables_on_the_page_are_those_the_code_reads():
    code = "".join(text_of(path) for room in ("arm", "remediate") for path in (ROOT / room).rglob("*.py"))
    read = set(re.findall(r"envvar=\"(\w+)\"", code)) | set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", code))
    assert read <= set(re.findall(r"`([A-Z][A-Z_]+)`", text_of(CONFIGURATION)))


def test_the_clouds_on_the_page_are_those_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \| `(\S+)` \|$", section(CONFIGURATION, "Clouds"), re.MULTILINE)
    assert rows == [(cloud.name, cloud.endpoint, cloud.authority) for cloud in CLOUDS.values()]


def errors_seen_by_users() -> list[type[RemediationError]]:
    """Every error that can end a command; failed writes end up in a verdict instead."""
    for module in pkgutil.walk_packages(remediate.__path__, "remediate."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found, new = [], RemediationError.__subclasses__()
    while new:
        found += new
        new = [sub for one in new for sub in one.__subclasses__()]
    return [one for one in found if not issubclass(one, WriteError)]


def test_the_errors_on_the_page_are_those_of_the_code():
    table = section(OUTPUT, "Errors")
    rows = re.findall(r"^\| (`.*?`) \| (\d+) \|", table, re.MULTILINE)
    page = {(name, int(status)) for names, status in rows for name in re.findall(r"`(\w+)`", names)}
    assert page == {(one.code, one.exit_code) for one in errors_seen_by_users()}


def test_every_schema_is_on_the_page():
    listed = set(re.findall(r"\(schemas/(\S+)\)", text_of(OUTPUT)))
    assert listed == {path.name for path in (ROOT / "docs" / "schemas").iterdir()}


def test_every_dependency_has_its_reason():
    project = text_of(ROOT / "pyproject.toml")
    runtime = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert runtime
    names = set(re.findall(r"^  \"([\w-]+)", runtime[1], re.MULTILINE))
    assert set(first_cells(section(DEPENDENCIES, "At run time"))) == names
    test = re.search(r"^test = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert test
    page = " ".join(first_cells(section(DEPENDENCIES, "For the tests")))
    for name in re.findall(r"^  \"([\w-]+)", test[1], re.MULTILINE):
        assert name in page or name.removeprefix("azure-mgmt") in page, name


def steady(text: str) -> list[str]:
    """Lines of an output without what differs from run to run."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"^(  run +)[0-9a-f]{12}$", r"\1RUN", text, flags=re.MULTILINE)
    return re.sub(r"\b[0-9a-f]{16}\b", "DIGEST", text).rstrip("\n").split("\n")


def mismatch(shown: list[str], real: list[str]) -> str:
    """The first line of a transcript that the output does not have in its place; ``…`` alone skips lines."""
    at, skipping = 0, False
    for line in shown:
        if line == "…":
            skipping = True
            continue
        fits = [
            n for n in range(at, len(real)) if real[n] == line or (line[-1:] == "…" and real[n].startswith(line[:-1]))
        ]
        if not fits or (fits[0] != at and not skipping):
            return line or f"(an empty line before {real[at : at + 1]})"
        at, skipping = fits[0] + 1, False
    return "" if at == len(real) or skipping else f"(the output goes on: {real[at]})"


def transcript() -> list[tuple[list[str], list[str]]]:
    """The commands of the README's transcript, with the lines shown for each."""
    blocks = re.findall(r"^```console\n(.*?)^```$", section(README, "What it looks like"), re.MULTILINE | re.DOTALL)
    calls = [call for block in blocks for call in re.split(r"^\$ remediate ", block, flags=re.MULTILINE)[1:]]
    return [(call.split("\n", 1)[0].split(), steady(call.split("\n", 1)[1])) for call in calls]


def test_the_transcript_in_the_readme_is_what_the_command_prints(drill, remediate, monkeypatch):
    world = drill()
    monkeypatch.setattr(world, "_sleep", lambda _seconds: None)  # only the simulator's own clock moves, as in the demo
    calls = transcript()
    assert [arguments[-1] for arguments, _ in calls] == ["--dry-run", "--yes", "resume", "--yes"]
    for arguments, shown in calls:
        if arguments == ["resume"]:
            world.pass_time(timedelta(hours=6))
        assert mismatch(shown, steady(remediate(world, *arguments).out)) == ""


def test_the_readme_names_only_commands_options_and_scenarios_that_exist():
    text = "".join(text_of(path) for path in PAGES)
    assert set(re.findall(r"--simulate ([a-z0-9-]+)", text)) <= set(SCENARIOS)
    errors = {entry.id.partition(".")[0].replace("-", " ").split()[0] for entry in entries()}
    known = {*remediate.cli.app.cli.commands, "CODE", "COMMAND", "NAME", *errors}
    used = set(re.findall(r"(?:`|\$ )remediate (\w+)", text))
    assert used <= known, used - known
    options = {option for one in remediate.cli.app.cli.commands.values() for p in one.params for option in p.opts}
    used = set(re.findall(r"`(--[a-z-]+)", text_of(README) + text_of(CONFIGURATION))) - {"--tls"}
    assert used <= options, used - options

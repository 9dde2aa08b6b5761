"""The configuration: found where it should be, strict in every value, all mistakes at once with their lines."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guards import Limits
from guards.windows import Window
from remediate.config import Config, ConfigError, find_config, load_config
from remediate.config.kinds import Number, Text
from remediate.config.load import MOST
from remediate.config.model import MOST_WINDOWS, TABLES
from remediate.config.parse import parse_config

NUMBERS = {
    (table, key): known for table, keys in TABLES.items() for key, known in keys.items() if isinstance(known, Number)
}
WHOLE = """
[loop_breaker]
runs = 1
within_days = 30
[systemic_breaker]
vms = 3
within_minutes = 30
quiet_hours = 12
[blast_radius]
vms = 10
percent = 10
[scope]
subscriptions = ["22222222-2222-4222-8222-222222222222"]
resource_groups = ["rg-web", "/subscriptions/s/resourceGroups/rg-db"]
vaults = ["vault-weu"]
[alerts]
max_age_hours = 24
[journal]
keep_days = 400
[serve]
host = "0.0.0.0"
port = 8443
mode = "repair"
workers = 2
sweep_hours = 0
entra_tenant = "22222222-2222-4222-8222-222222222222"
entra_audiences = ["33333333-3333-4333-8333-333333333333", "api://backup-remediation"]
entra_app = "44444444-4444-4444-8444-444444444444"
entra_role = "Sender"
[notify]
teams_url_file = "/run/secrets/teams"
slack_url_file = "slack"
log_endpoint = "https://x.westeurope-1.ingest.monitor.azure.com"
log_rule = "dcr-00000000000000000000000000000000"
log_stream = "Custom-BackupRemediation_CL"

[[change_window]]
name = "nights"
days = ["mon", "tue"]
from = "22:00"
to = "05:00"
zone = "Europe/Berlin"
impact = "disruptive"
[[change_window]]
from = "00:00"
to = "00:00"
"""
VMS = " (VMs that may be changed within 24 hours)"
AUDIENCES = "id and id URI of your application, whom tokens are for"
TENANT = "id of the Entra ID tenant whose tokens it takes"
TEAMS = "path of a file with the address of the Teams webhook, which is a secret and never in here"
RULE = "2: 'log_rule' is none (immutable id of that rule, as dcr-...)"
LOG = "log_endpoint, log_rule, log_stream belong together"
VAULTS = "names or ids of the vaults whose alerts are taken"
ZONE = 'is to be a time zone that is known here, such as "Europe/Berlin", not'
CLOCK = 'is to be a time of day such as "22:00", not'
WINDOW = '[[change_window]]\nfrom = "01:00"\nto = "02:00"\n'


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No configuration of the machine that runs the tests is found."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("REMEDIATE_CONFIG", raising=False)
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda _name: str(tmp_path / "user"))


def mistakes(text: str | bytes) -> list[str]:
    """What is wrong with a configuration."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode() if isinstance(text, str) else text, "c.toml")
    assert caught.value.exit_code == 2
    return [line.removeprefix("c.toml:") for line in caught.value.candidates]


def test_without_a_file_the_defaults_hold():
    assert load_config() == Config()
    assert load_config().limits == Limits()
    assert load_config().keep == timedelta(days=365)


def test_an_empty_file_changes_nothing_but_where_it_is():
    assert parse_config(b"", "c.toml") == Config("c.toml")


def test_every_value_reaches_the_guards():
    found = parse_config(WHOLE.encode(), "c.toml")
    nights = Window("nights", frozenset({0, 1}), 22 * 60, 5 * 60, "Europe/Berlin", "disruptive")
    assert found.limits == Limits(
        loop_runs=1,
        loop_span=timedelta(days=30),
        systemic_vms=3,
        systemic_span=timedelta(minutes=30),
        systemic_quiet=timedelta(hours=12),
        blast_vms=10,
        blast_percent=10,
        windows=(nights, Window("window 2", frozenset(range(7)), 0, 0)),
    )
    assert found.keep == timedelta(days=400)


def test_the_order_is_option_variable_this_folder_the_users_folder(tmp_path, monkeypatch):
    user = tmp_path / "user" / "remediate.toml"
    user.parent.mkdir()
    here, variable, option = Path("remediate.toml"), tmp_path / "variable.toml", tmp_path / "option.toml"
    assert find_config() is None
    user.touch()
    assert find_config() == user
    here.touch()
    assert find_config() == here
    variable.touch()
    monkeypatch.setenv("REMEDIATE_CONFIG", str(variable))
    assert find_config() == variable
    option.touch()
    assert find_config(str(option)) == option


def test_a_file_that_is_named_must_be_there(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no configuration file 'x") as caught:
        find_config("x.toml")
    assert "--config" in caught.value.next_step
    monkeypatch.setenv("REMEDIATE_CONFIG", str(tmp_path))
    with pytest.raises(ConfigError, match="no configuration file") as caught:
        load_config()
    assert "REMEDIATE_CONFIG" in caught.value.next_step


def test_a_file_that_is_far_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.toml"
    path.write_text("#" * (MOST + 1))
    with pytest.raises(ConfigError, match="larger than"):
        load_config(str(path))


def test_a_file_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "c.toml"
    path.touch()

    def refused(_path, _mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load_config(str(path))


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines():
    text = (
        "loop_breaker.runs = 9 # no\n[blast_radius]\nvm = 3\npercent = 25.0\n[jornal]\nx = 1\n"
        '[[change_window]]\ndays = [\n  "mon",\n  "mun",\n  "mon",\n]\nfrom = "25:00"\nzone = "Europe/Berln"\n'
    )
    assert [line.split(": ")[0] for line in mistakes(text)] == ["1", "3", "4", "5", "7", "10", "11", "13", "14"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("loop_braker = 1", "1: unknown key 'loop_braker'; did you mean 'loop_breaker'?"),
        ("x = 1", "1: unknown key 'x'"),
        ("[x]", "1: unknown table 'x'"),
        ("[[x]]", "1: unknown table 'x'"),
        ("\n[Blast_Radius]", "2: unknown table 'Blast_Radius'; did you mean 'blast_radius'?"),
        ("journal = 3", "1: 'journal' is to be a table: [journal]"),
        ("[[journal]]", "1: 'journal' is to be a table: [journal]"),
        ("[journal]\nkeep = 3", "2: unknown key 'keep' in [journal]; did you mean 'keep_days'?"),
        ("blast_radius = { vms = 101 }", f"1: 'vms' is to be from 1 to 100, not 101{VMS}"),
        ("[blast_radius]\nvms = 0", f"2: 'vms' is to be from 1 to 100, not 0{VMS}"),
        ("[blast_radius]\nvms = true", f"2: 'vms' is to be a whole number, not true{VMS}"),
        ('[blast_radius]\nvms = "5"', f"2: 'vms' is to be a whole number, not \"5\"{VMS}"),
        ("[blast_radius]\nvms = [5]", f"2: 'vms' is to be a whole number, not a list{VMS}"),
        ("[blast_radius.vms]", f"1: 'vms' is to be a whole number, not a table{VMS}"),
        ("[scope]\nvaults = []", f"2: 'vaults' is to be a list ({VAULTS}); leave it out for all"),
        ('[scope]\nvaults = "a"', f"2: 'vaults' is to be a list ({VAULTS}); leave it out for all"),
        ('[scope]\nvaults = ["a",\n"b c"]', f"3: an entry of 'vaults' is none: \"b c\" ({VAULTS})"),
        ('[scope]\nvaults = ["/a/../t"]', f"2: an entry of 'vaults' is none: \"/a/../t\" ({VAULTS})"),
        ("[scope]\nvaults = [7]", f"2: an entry of 'vaults' is none: 7 ({VAULTS})"),
        ("[serve]\nport = 0", "2: 'port' is to be from 1 to 65535, not 0 (port that it listens on)"),
        ("[serve]\nentra_audiences = []", f"2: 'entra_audiences' is to be a list ({AUDIENCES}); leave it out for none"),
        ('[serve]\nentra_audiences = ["x"]', f"2: an entry of 'entra_audiences' is none: \"x\" ({AUDIENCES})"),
        ('[serve]\nentra_tenant = "contoso.com"', f"2: 'entra_tenant' is none: \"contoso.com\" ({TENANT})"),
        ('[serve]\nsecret = "hunter2"', "2: unknown key 'secret' in [serve]"),
        ('[notify]\nteams_url = "hunter2"', "2: unknown key 'teams_url' in [notify]; did you mean 'teams_url_file'?"),
        ('[notify]\nteams_url_file = "https://hunter2"', f"2: 'teams_url_file' is none ({TEAMS})"),
        ('[notify]\nlog_rule = "dcr-1"', [f"1: [notify] has no 'log_endpoint': {LOG}", RULE]),
        ("change_window = 1", "1: 'change_window' is to be written as [[change_window]]"),
        ("[change_window]\nfrom = 1", "1: 'change_window' is to be written as [[change_window]]"),
        ("change_window = [1]", "1: 'change_window' is to be written as [[change_window]]"),
        (f"{WINDOW}days = []", '4: is to be a list of days: days = ["mon", "tue"]; leave it out for every day'),
        (f'{WINDOW}days = "mon"', '4: is to be a list of days: days = ["mon", "tue"]; leave it out for every day'),
        (f"{WINDOW}days = [[1]]", "4: a day is to be one of mon, tue, wed, thu, fri, sat, sun, not a list"),
        (f'{WINDOW}name = " a"', '4: \'name\' is to be a name of 1 to 40 characters, not " a"'),
        (f'{WINDOW}name = "{"x" * 80}"', f"4: 'name' is to be a name of 1 to 40 characters, not \"{'x' * 58}…"),
        (f'{WINDOW}zone = "../UTC"', f'4: \'zone\' {ZONE} "../UTC"'),
        (f'{WINDOW}zone = ""', f'4: \'zone\' {ZONE} ""'),
        (f"{WINDOW}zone = 1", f"4: 'zone' {ZONE} 1"),
        (f'{WINDOW}impact = "none"', '4: \'impact\' is to be "all" or "disruptive", not "none"'),
        ('[[change_window]]\nfrom = "1:00"\nto = "02:00"', f'2: \'from\' {CLOCK} "1:00"'),
        ('[[change_window]]\nfrom = 01:00:00\nto = "02:00"', f"2: 'from' {CLOCK} 01:00:00"),
        (f'{WINDOW}\n[[change_window]]\nto = "02:00"', "5: the window has no 'from'"),
        (f'{WINDOW}name = "a"\n{WINDOW}name = "a"', "8: a window 'a' is already on line 4"),
        (f"{WINDOW}x = 1", "4: unknown key 'x' in [[change_window]]"),
        ("a = 1\na = 2", "2: is not TOML: Cannot overwrite a value"),
        ("[a", "1: is not TOML: Expected ']' at the end of a table declaration"),
        ("\n\na = [", "3: is not TOML: Invalid value"),
        (b"\n\nx = '\xff'", "3: is not UTF-8"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line_and_what_was_meant(text, told):
    assert mistakes(text) == (told if isinstance(told, list) else [told])


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: f"\ufeff{text}"])
def test_line_ends_of_windows_and_a_byte_order_mark_move_nothing(change):
    assert mistakes(change("[journal]\nkeep_days = 1\n"))[0].startswith("2: 'keep_days' is to be from 90")
    assert parse_config(change(WHOLE).encode(), "c.toml") == parse_config(WHOLE.encode(), "c.toml")


def test_more_windows_than_anybody_reads_are_a_mistake():
    assert mistakes(WINDOW * (MOST_WINDOWS + 1)) == [f"{3 * MOST_WINDOWS + 1}: more than {MOST_WINDOWS} change windows"]


def test_nesting_without_end_is_a_mistake_and_no_crash():
    assert mistakes("a = " + "[" * 50_000)[0].startswith("1: is not TOML")


@given(st.data())
def test_every_number_within_its_bounds_is_taken_and_every_other_is_refused(data):
    table, key = data.draw(st.sampled_from(sorted(NUMBERS)))
    number = NUMBERS[table, key]
    value = data.draw(st.integers(number.least - 3, number.most + 3))
    text = f"[{table}]\n{key} = {value}\n"
    if number.least <= value <= number.most:
        assert parse_config(text.encode(), "c.toml").values[table][key] == value
    else:
        assert len(mistakes(text)) == 1


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_a_file_holds_it_is_taken_or_its_mistakes_are_told(data):
    with suppress(ConfigError):
        assert parse_config(data, "c.toml").path == "c.toml"
        return
    assert mistakes(data)


def test_the_scope_says_whose_alerts_are_taken():
    allowed = parse_config(WHOLE.encode(), "c.toml").alerts
    assert allowed.max_age == timedelta(hours=24)
    inside = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/RG-WEB/providers/M/v/web-01"
    assert allowed.allowed.refusal(inside, "") == ""
    assert "outside the configured scope" in allowed.allowed.refusal(inside.replace("RG-WEB", "rg-x"), "")


@pytest.mark.parametrize("key", TABLES["notify"])
@pytest.mark.parametrize("secret", ["https://hooks.slack.com/services/T/B/hunter2", "https://x.example/?sig=hunter2"])
def test_no_key_takes_the_address_of_a_webhook_and_no_mistake_repeats_it(key, secret):
    told = mistakes(f'[notify]\n{key} = "{secret}"\n')
    assert told
    assert "hunter2" not in "".join(told)


def test_files_of_addresses_are_looked_for_beside_the_configuration():
    found = parse_config(WHOLE.encode(), "/etc/remediate/remediate.toml").notify
    assert (found["teams_url_file"], found["slack_url_file"]) == ("/run/secrets/teams", "/etc/remediate/slack")
    assert found["log_stream"] == "Custom-BackupRemediation_CL"
    assert not any(Config().notify.values())


def test_every_text_that_holds_unless_something_is_written_may_be_written():
    kinds = [known for keys in TABLES.values() for known in keys.values() if isinstance(known, Text)]
    assert [known.wrong(known.default) for known in kinds if known.default] == ["", "", ""]
    assert all(known.wrong("") and known.wrong(7) for known in kinds)


def test_no_value_switches_a_guard_off():
    guards = {where: number for where, number in NUMBERS.items() if where[0] != "serve"}
    assert all(0 < number.least <= number.default <= number.most for number in guards.values())
    assert NUMBERS["loop_breaker", "runs"].most == 3
    assert NUMBERS["blast_radius", "vms"].most == 100
    assert NUMBERS["blast_radius", "percent"].most == 50
    assert NUMBERS["systemic_breaker", "vms"].most == 25
    assert NUMBERS["journal", "keep_days"].least >= NUMBERS["loop_breaker", "within_days"].most


def test_the_example_in_the_documentation_holds_every_default_and_names_every_bound():
    page = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    found = parse_config(example.encode(), "c.toml")
    assert found.values == Config().values
    assert [one.name for one in found.windows] == ["nights", "restarts"]
    for (_, key), number in NUMBERS.items():
        (line,) = [line for line in example.splitlines() if line.startswith(f"{key} = {number.default} ")]
        assert line.endswith(f"{number.least} to {number.most}")

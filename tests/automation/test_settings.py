"""Settings: environment first, then Automation variables, which are JSON; without certainty nothing is changed."""

from __future__ import annotations

import pytest

from arm.errors import UsageError
from remediate.automation.settings import Settings


class AutomationAssetNotFound(Exception):
    pass


class Gone(Exception):
    code = 404


def settings(**variables: object) -> Settings:
    def read(name: str) -> object:
        if name not in variables:
            raise AutomationAssetNotFound(name)
        return variables[name]

    return Settings({}, read)


def test_without_a_word_nothing_is_changed():
    assert settings().dry_run
    assert Settings({}).dry_run


@pytest.mark.parametrize("value", ["repair", " Repair ", '"repair"', '" repair"'])
def test_the_mode_is_understood_as_a_template_or_a_person_writes_it(value):
    assert not settings(REMEDIATE_MODE=value).dry_run


@pytest.mark.parametrize("value", ["on", "yes", True, 1, '"', '"repair', "plan,repair"])
def test_a_mode_that_is_not_known_stops_the_job(value):
    with pytest.raises(UsageError, match="REMEDIATE_MODE is"):
        _ = settings(REMEDIATE_MODE=value).mode


def test_the_environment_comes_before_the_variables():
    both = Settings({"REMEDIATE_MODE": "plan"}, lambda _: "repair")
    assert both.dry_run


@pytest.mark.parametrize("error", [AutomationAssetNotFound("x"), LookupError("x"), Gone()])
def test_a_variable_that_does_not_exist_has_its_default(error):
    def read(_name):
        raise error

    assert Settings({}, read).text("REMEDIATE_STATE", "default") == "default"


def test_a_worker_that_gives_nothing_for_a_missing_variable_is_understood():
    assert Settings({}, lambda _: None).text("REMEDIATE_STATE", "default") == "default"


def test_a_variable_that_cannot_be_read_stops_the_job():
    def read(_name):
        raise TimeoutError("no answer")

    with pytest.raises(UsageError, match="REMEDIATE_MODE cannot be read: TimeoutError: no answer"):
        _ = Settings({}, read).mode


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (5.0, "5"), (2.5, "2.5"), (True, "true"), (None, ""), ('"a', '"a')]
)
def test_a_typed_variable_becomes_a_text(value, text):
    assert settings(X=value).text("X") == text


def test_a_variable_that_is_no_plain_value_stops_the_job():
    with pytest.raises(UsageError, match="X is a dict"):
        settings(X={"a": 1}).text("X")


def test_times_have_bounds():
    assert settings().deadline == 9000
    assert settings(REMEDIATE_DEADLINE_MINUTES=170).deadline == 10200
    assert settings(REMEDIATE_SWEEP_HOURS="0").sweep_hours == 0
    for wrong in (0, 171, "soon", "-5", 2.5, "٣"):
        with pytest.raises(UsageError, match="REMEDIATE_DEADLINE_MINUTES is"):
            _ = settings(REMEDIATE_DEADLINE_MINUTES=wrong).deadline


def test_the_configuration_is_the_text_of_the_file(tmp_path):
    assert settings(REMEDIATE_CONFIG="[blast_radius]\nvms = 3\n").config.limits.blast_vms == 3
    path = tmp_path / "remediate.toml"
    path.write_text("[blast_radius]\nvms = 4\n", encoding="utf-8")
    assert settings(REMEDIATE_CONFIG=str(path)).config.limits.blast_vms == 4


def test_a_broken_configuration_stops_the_job():
    with pytest.raises(UsageError, match="REMEDIATE_CONFIG"):
        _ = settings(REMEDIATE_CONFIG="[blast_radius]\nmachines = 3\n").config

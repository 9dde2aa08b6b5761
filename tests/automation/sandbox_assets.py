"""Becomes ``automationassets`` in the sandbox: variables of the account, out of a file, as a cloud job reads them."""

import json
import os


class AutomationAssetNotFound(Exception):
    pass


def get_automation_variable(name):
    with open(os.environ["SANDBOX_VARIABLES"], encoding="utf-8") as file:
        variables = json.load(file)
    if name not in variables:
        raise AutomationAssetNotFound(f"The variable {name} was not found")
    return json.loads(variables[name])

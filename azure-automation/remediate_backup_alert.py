"""Runbook for Azure Automation, Python 3.10: an alert has come by the webhook; repair the VM that it is about.

Started by a webhook, or by the PowerShell runbook webhook_to_python. With REMEDIATE_MODE unset or 'plan' it changes
nothing and shows what it would do.
"""

import sys

try:
    from remediate.automation.alert import main
except ImportError as error:
    print(f"ERROR: the package {error.name} is missing or does not fit: import every wheel of the bundle. {error}")
    raise

status = main(sys.argv)
if status:
    sys.exit(status)

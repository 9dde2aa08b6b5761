"""Runbook for Azure Automation, Python 3.10, for a schedule: go on with what has been parked.

Goes on with parked runs, gives back what they have on loan, and looks for failed backups whose alert was lost. With
REMEDIATE_MODE unset or 'plan' it changes nothing and shows what it would do.
"""

import sys

try:
    from remediate.automation.resume import main
except ImportError as error:
    print(f"ERROR: the package {error.name} is missing or does not fit: import every wheel of the bundle. {error}")
    raise

status = main(sys.argv)
if status:
    sys.exit(status)

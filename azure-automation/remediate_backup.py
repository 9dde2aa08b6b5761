"""Runbook for Azure Automation, Python 3.10: repair the backups of one VM, named by parameters.

Parameters: the error code, the VM (name or id) and 'dry-run'; or one parameter, base64url of the JSON
{"code": "...", "vm": "...", "dry_run": true}. Without a code the VM's last failed job tells the error. With
REMEDIATE_MODE unset or 'plan' it changes nothing and shows what it would do.
"""

import sys

try:
    from remediate.automation.backup import main
except ImportError as error:
    print(f"ERROR: the package {error.name} is missing or does not fit: import every wheel of the bundle. {error}")
    raise

status = main(sys.argv)
if status:
    sys.exit(status)

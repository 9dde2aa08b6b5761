"""Which journal: a file, or an Azure table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arm.credentials import is_loopback, split_url
from arm.errors import UsageError
from arm.runtime import Runtime, system_runtime

from .model import Journal

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SCOPE = "https://storage.azure.com"
_SERVICES = (
    ".table.core.windows.net",
    ".table.core.chinacloudapi.cn",
    ".table.core.usgovcloudapi.net",
    ".table.storage.azure.net",
)
"""Where tables are: a token for Azure Storage opens every account that this identity may use, and goes nowhere else."""
_EMULATED = "devstoreaccount1"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_STEP = "Give --state PATH, or https://ACCOUNT.table.core.windows.net/NAME."


def is_table(state: str | Path) -> bool:
    """Say whether a journal's place is a URL: an Azure table."""
    return "://" in str(state)


def open_journal(
    state: str | Path, credential: TokenCredential | None = None, runtime: Runtime | None = None
) -> Journal:
    """Open a journal.

    Args:
        state: a file's path, or the URL of an Azure table: ``https://ACCOUNT.table.core.windows.net/NAME``. A table of
            Azurite, Microsoft's emulator, is at ``http://127.0.0.1:10002/devstoreaccount1/NAME``.
        credential: signs in to the storage account; default as azure-identity finds one. Keys of storage accounts are
            not used. Azurite has one for all, which is public.
        runtime: time, sleep and ids.

    Raises:
        UsageError: it is no such URL.
        JournalError: the file cannot be used. A table is looked at when it is first used.
    """
    if not is_table(state):
        from .sqlite import SqliteJournal

        return SqliteJournal(Path(state))
    runtime = runtime or system_runtime()
    account, name = _parts(str(state))
    from azure.core.pipeline.transport import RequestsTransport
    from azure.data.tables import TableClient

    from .rows import Rows
    from .table import TableJournal

    local = is_loopback(account)
    client = TableClient(
        account,
        name,
        credential=_emulators() if local else credential or _default(),
        audience=SCOPE,
        retry_total=0,  # what was lost is looked up before it is sent again
        transport=RequestsTransport(connection_timeout=10, read_timeout=30, use_env_settings=not local),
    )
    return TableJournal(Rows(client, name, runtime.sleep), runtime.new_id)


def _parts(url: str) -> tuple[str, str]:
    """Return the URL of the account and the name of the table."""
    parts = split_url(url)
    if parts is None or parts.query or parts.fragment:
        raise UsageError(f"--state {url.split('?', 1)[0]!r} is not the URL of a table", _STEP)
    account, _, name = parts.path.strip("/").rpartition("/")
    if not _NAME.fullmatch(name) or name.lower() == "tables":
        raise UsageError(f"{name!r} is no name of a table: 3 to 63 letters and digits, a letter first", _STEP)
    emulated = parts.scheme == "http" and is_loopback(url) and account == _EMULATED
    azure = parts.scheme == "https" and str(parts.hostname).endswith(_SERVICES) and not account
    if not (emulated or azure):
        raise UsageError(f"--state {url!r} is not at Azure Table Storage; the access token is not sent there", _STEP)
    return f"{parts.scheme}://{parts.netloc}/{account}".rstrip("/"), name


def _emulators() -> Any:
    """Return the credential of Azurite, as the SDK knows it."""
    from azure.data.tables import TableServiceClient

    return TableServiceClient.from_connection_string("UseDevelopmentStorage=true").credential


def _default() -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()

"""Which journal a place is: a file, or an Azure table; and nowhere else does the access token go."""

from __future__ import annotations

import pytest
from azure.core.credentials import AccessToken

from arm.errors import UsageError
from remediate.journal.sqlite import SqliteJournal
from remediate.journal.stores import is_table, open_journal
from remediate.journal.table import TableJournal


class Token:
    """A credential that says what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.asked += scopes
        return AccessToken("t", 4102444800)


def test_a_path_is_a_file(tmp_path):
    journal = open_journal(tmp_path / "a" / "journal.db")
    assert isinstance(journal, SqliteJournal)
    journal.close()
    assert not is_table(str(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "https://account.table.core.windows.net/journal",
        "https://account.table.core.chinacloudapi.cn/journal/",
        "https://account.table.core.usgovcloudapi.net/Journal1",
        "https://account.z12.table.storage.azure.net/journal",
        "http://127.0.0.1:10002/devstoreaccount1/journal",
        "http://localhost:10002/devstoreaccount1/journal",
    ],
)
def test_the_url_of_a_table_is_one_and_nothing_is_sent_yet(url):
    token = Token()
    journal = open_journal(url, token)
    assert isinstance(journal, TableJournal)
    assert is_table(url)
    assert token.asked == []
    journal.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://account.table.core.windows.net.evil.example/journal", "not sent there"),
        ("https://evil.example/journal", "not sent there"),
        ("https://evil.example/account.table.core.windows.net/journal", "not sent there"),
        ("https://eviltable.core.windows.net/journal", "not sent there"),
        ("http://account.table.core.windows.net/journal", "not sent there"),
        ("https://127.0.0.1/devstoreaccount1/journal", "not sent there"),
        ("http://127.0.0.1:10002/other/journal", "not sent there"),
        ("https://account.table.core.windows.net/a/journal", "not sent there"),
        ("https://user@account.table.core.windows.net/journal", "is not the URL of a table"),
        ("https://account.table.core.windows.net/journal?sv=2019&sig=secret", "is not the URL of a table"),
        ("https://account.table.core.windows.net/journal#x", "is not the URL of a table"),
        ("ftp://account.table.core.windows.net/journal", "not sent there"),
        ("https://account.table.core.windows.net", "no name of a table"),
        ("https://account.table.core.windows.net/my-journal", "no name of a table"),
        ("https://account.table.core.windows.net/1journal", "no name of a table"),
        ("https://account.table.core.windows.net/tables", "no name of a table"),
        ("https://account.table.core.windows.net/ab", "no name of a table"),
    ],
)
def test_what_is_no_table_of_azure_is_refused(url, says):
    with pytest.raises(UsageError, match=says) as caught:
        open_journal(url, Token())
    assert "--state" in caught.value.next_step
    assert "secret" not in caught.value.message, "a shared access signature is never shown"


def test_without_a_credential_the_usual_ones_are_tried(monkeypatch):
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    journal = open_journal("https://account.table.core.windows.net/journal")
    assert isinstance(journal, TableJournal)
    journal.close()

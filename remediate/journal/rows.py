"""Rows of one Azure table: read, queried, changed together; every error told as the journal's own.

Nothing here is sent again that may have been done already, unless it does no harm to do it twice: who changes rows
together learns that the answer was lost (:class:`Unknown`), and looks.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError

from .model import JournalError

if TYPE_CHECKING:
    from azure.data.tables import TableClient

T = TypeVar("T")
Row = Mapping[str, Any]
Operation = tuple[str, Row, Mapping[str, Any]]
PK, RK = "PartitionKey", "RowKey"
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between the attempts to reach the table."""
MOST_TOGETHER = 100
"""So many rows can be changed in one transaction."""
_PLAIN = 30_000
"""Characters of text that a property may surely have; longer text is compressed, and split over several properties."""
_PART, _MOST_PARTS = 60_000, 15
_LATER = (408, 429, 500, 502, 503, 504)
_NO_TABLE, _TABLE_EXISTS = "TableNotFound", "TableAlreadyExists"
_NOT_YET = ("TableBeingDeleted", "OperationTimedOut", "ServerBusy")


class Unknown(Exception):
    """Nobody knows whether rows were changed: the answer was lost."""


class Outdated(Exception):
    """Rows were not changed: one of them is another than it was, or is there already."""


@dataclass(frozen=True)
class Seen:
    """A row as it was read.

    Attributes:
        row: its properties.
        etag: what it is recognised by when it is changed.
        age: seconds since it was last written, by the service's clock.
    """

    row: Row
    etag: str
    age: float


def packed(data: object) -> dict[str, Any]:
    """Return data as properties of a row.

    A property holds 32,768 characters and a row a megabyte, and scripts are long: what is longer is compressed, and
    split over several properties.

    Raises:
        JournalError: it is too large even so.
    """
    text = json.dumps(data)
    if len(text) <= _PLAIN:
        return {"Data": text}
    pressed = zlib.compress(text.encode("ascii"))
    parts = [pressed[start : start + _PART] for start in range(0, len(pressed), _PART)]
    if len(parts) > _MOST_PARTS:
        raise JournalError(
            f"{len(text)} characters are too many for a row of a table",
            "Report this; a journal in a file (--state PATH) takes them.",
        )
    return {"Data": "", **{f"Data{number:02}": part for number, part in enumerate(parts)}}


def unpacked(row: Row) -> Any:
    """Return the data of a row that :func:`packed` made; of what is left over from longer data nothing is used.

    Raises:
        ValueError: it is damaged.
        KeyError: it has none.
    """
    text = row["Data"]
    if text:
        return json.loads(text)
    names = sorted(name for name in row if name.startswith("Data") and name != "Data")
    try:
        return json.loads(zlib.decompress(b"".join(row[name] for name in names)))
    except zlib.error as error:
        raise ValueError(str(error)) from error


class Rows:
    """The rows of one table.

    Args:
        client: the SDK's client, which must not retry by itself.
        name: what to call the table in messages.
        sleep: waits for so many seconds.
    """

    def __init__(self, client: TableClient, name: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep
        self.time = datetime.fromtimestamp(0, timezone.utc)
        """The service's time when it last answered, to the second."""

    def get(self, partition: str, key: str) -> Seen | None:
        """Return a row; ``None`` when it is not there."""

        def read() -> Seen | None:
            return self._seen(self._client.get_entity(partition, key, raw_response_hook=self._hear))

        return self._again(read, None)

    def query(
        self,
        partition: str,
        begin: str,
        end: str,
        condition: str = "",
        *,
        limit: int | None = None,
        select: Sequence[str] = (),
    ) -> list[Seen]:
        """Return the rows of a partition whose keys are from ``begin`` up to, but not, ``end``; by key.

        Args:
            partition: its key.
            begin: the first key.
            end: the key after the last.
            condition: what else is asked of a row, as the service has it.
            limit: how many at the most.
            select: the properties that are wanted; none means all.
        """
        asked = f"{PK} eq '{partition}' and {RK} ge '{begin}' and {RK} lt '{end}'"
        return self.search(f"{asked} and {condition}" if condition else asked, limit=limit, select=select)

    def search(self, condition: str, *, limit: int | None = None, select: Sequence[str] = ()) -> list[Seen]:
        """Return the rows of the whole table for which a condition is true."""
        if limit is not None and limit <= 0:
            return []
        size = None if limit is None else min(limit, 1000)

        def read() -> list[Seen]:
            rows = self._client.query_entities(
                condition, results_per_page=size, select=list(select) or None, raw_response_hook=self._hear
            )
            return [self._seen(row) for row in islice(rows, limit)]

        return self._again(read, [])

    def change(self, partition: str, operations: Sequence[Operation]) -> list[str]:
        """Change rows of one partition together: all of them, or none.

        Args:
            partition: its key.
            operations: from :func:`insert`, :func:`put`, :func:`merge` and :func:`remove`.

        Returns:
            The etags of the rows, in order.

        Raises:
            Outdated: a row was there already, or not there, or not as it was read.
            Unknown: the answer was lost.
            JournalError: the table cannot be used.
        """
        sent = [(verb, {**row, PK: partition}, options) for verb, row, options in operations]
        try:
            done = self._client.submit_transaction(sent, raw_response_hook=self._hear)
        except HttpResponseError as error:
            if _code(error) == _NO_TABLE:
                self._make_table()
                return self.change(partition, operations)
            if error.status_code in (404, 409, 412) and _code(error) not in _NOT_YET:
                raise Outdated(_code(error)) from error
            raise self._failed(error) from error
        except AzureError as error:
            raise Unknown(str(error)) from error
        return [str(one.get("etag", "")) for one in done]

    def put(self, partition: str, row: Row) -> None:
        """Write one row, whatever was there."""
        self.surely(lambda: self.change(partition, [put(row)]))

    def drop(self, partition: str, key: str) -> None:
        """Remove a row, if it is there."""
        with suppress(Outdated):
            self.surely(lambda: self.change(partition, [remove({RK: key})]))

    def surely(self, once: Callable[[], T]) -> T:
        """Do what does no harm when it is done twice, until the answer is there."""
        lost: Unknown | None = None
        for pause in (0.0, *PAUSES):
            self.rest(pause)
            try:
                return once()
            except Unknown as error:  # that is what it is about
                lost = error
        raise self.unreachable(lost or "") from lost

    def rest(self, seconds: float) -> None:
        """Wait between two attempts; not before the first."""
        if seconds:
            self._sleep(seconds)

    def unreachable(self, error: BaseException | str) -> JournalError:
        """Return the error for a table that does not answer."""
        return JournalError(
            f"the table {self._name} cannot be reached: {_first_line(error)}",
            "Nothing is changed without a journal. Check the network and the storage account's firewall; run again.",
        )

    def _again(self, read: Callable[[], T], nothing: T) -> T:
        """Read, again when the table could not answer; what is not there is nothing."""

        def once() -> T:
            try:
                return read()
            except HttpResponseError as error:
                if error.status_code == 404:
                    return nothing
                raise self._failed(error) from error
            except AzureError as error:
                raise Unknown(str(error)) from error

        return self.surely(once)

    def _make_table(self) -> None:
        """Make the table; one that is just being removed comes back as "later"."""
        try:
            self._client.create_table()
        except HttpResponseError as error:
            if _code(error) != _TABLE_EXISTS:
                raise self._failed(error) from error
        except AzureError as error:
            raise Unknown(str(error)) from error

    def _failed(self, error: HttpResponseError) -> JournalError | Unknown:
        later = error.status_code in _LATER or _code(error) in _NOT_YET
        return Unknown(str(error)) if later else self._told(error)

    def _told(self, error: HttpResponseError) -> JournalError:
        if error.response is None:  # no credential could give a token
            step = "Run 'az login', or give the machine a managed identity."
        elif error.status_code in (401, 403):
            step = (
                "Give this identity the role 'Storage Table Data Contributor' on the storage account, and let its"
                " firewall admit this machine; a new role takes some minutes."
            )
        else:
            step = "Check --state: https://ACCOUNT.table.core.windows.net/NAME."
        return JournalError(f"the table {self._name} cannot be used: {_first_line(error)}", step)

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Tell of rows that cannot be read as the journal's own error."""
        try:
            yield
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(
                f"the table {self._name} is damaged: {type(error).__name__} {error}",
                "Restore it from a copy, or give another table with --state; locks on loan are in its duty rows.",
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _hear(self, response: Any) -> None:
        date = response.http_response.headers.get("Date")
        with suppress(TypeError, ValueError):
            self.time = parsedate_to_datetime(date).astimezone(timezone.utc)

    def _seen(self, row: Any) -> Seen:
        written = row.metadata.get("timestamp") or self.time
        return Seen(row, str(row.metadata.get("etag") or ""), max(0.0, (self.time - written).total_seconds()))


def insert(row: Row) -> Operation:
    """Return the operation that adds a row; one that is there already is an error."""
    return "create", row, {}


def put(row: Row) -> Operation:
    """Return the operation that writes a row, whatever was there."""
    return "upsert", row, {"mode": "replace"}


def merge(row: Row, etag: str) -> Operation:
    """Return the operation that changes some properties of a row that is still as it was read."""
    return "update", row, {"mode": "merge", **_if(etag)}


def remove(row: Row, etag: str = "") -> Operation:
    """Return the operation that removes a row; only while it is as it was read, when its etag is given."""
    return "delete", row, _if(etag) if etag else {}


def _if(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", "")
    return str(getattr(code, "value", code) or "")


def _first_line(error: BaseException | str) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else repr(error)

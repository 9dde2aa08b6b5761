"""Text as words, so that two writings of one message are equal: case, accents, blanks and punctuation do not count.

A Latin word is one word; a Chinese character is one word. What stood between two words is kept beside them, because a
message that ends in the middle of a sentence is another one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_LINE = re.compile(r"\\[nrt]")
_MARKS = re.compile(
    r"[.:;!?\n\r\u3002()\[\]{}<>|\"'`\u2018\u2019\u201c\u201d\u300c\u300d\u300e\u300f]|\s[-\u2010-\u2015\u2212]+\s"
)
_BETWEEN = re.compile(r"[^\w?.\-\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\ufeff]")
_COMMAS = re.compile(r"[,\u3001]")
_NAMES = re.compile(
    r"https?://\S+"
    r"|/subscriptions/\S+"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|(?<!\w)(?:'[^'\n]{1,120}'|\"[^\"\n]{1,120}\"|`[^`\n]{1,120}`)(?!\w)",
    re.IGNORECASE,
)
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u300c\u300d\u300e\u300f\u00ab\u00bb", '\'\'""""""""')


@dataclass(frozen=True)
class Words:
    """The words of a text, and what stood between them.

    Attributes:
        words: in order.
        gaps: what stood before each word, and after the last one.
    """

    words: tuple[str, ...]
    gaps: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Words:
        """Take a text apart."""
        text = _LINE.sub("\n", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
        if text.isascii():
            text = text.lower()
        else:
            text = unicodedata.normalize("NFKC", text).casefold()
            text = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
        words, gaps, at = [], [], 0
        for found in _WORD.finditer(text):
            words.append(found[0])
            gaps.append(text[at : found.start()])
            at = found.end()
        return cls(tuple(words), (*gaps, text[at:]))

    @cached_property
    def line(self) -> str:
        """The words with one blank between, before and after them."""
        return f" {' '.join(self.words)} "

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Every two words that follow each other."""
        return self.pairs_in(0, len(self.words))

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [], 0
        for word in self.words:
            starts.append(at)
            at += len(word) + 1
        return starts

    @cached_property
    def ends_needed(self) -> int:
        """At how many of its ends a sentence has to end: the shorter it is, the more often it is there by chance."""
        short, middling = (8, 10) if _IS_HAN.search(self.line) else (5, 7)
        return 2 if len(self.words) < short else 1 if len(self.words) < middling else 0

    def pairs_in(self, start: int, end: int) -> frozenset[tuple[str, str]]:
        """Return the pairs of the words from ``start`` up to ``end``."""
        part = self.words[max(0, start) : end]
        return frozenset(pairwise(part))

    def places(self, wanted: Words) -> Iterator[tuple[int, int]]:
        """Yield where other words stand in these, as the first word and the one after the last."""
        at = self.line.find(wanted.line) if wanted.words else -1
        while at >= 0:
            first = bisect_left(self._starts, at)
            yield first, first + len(wanted.words)
            at = self.line.find(wanted.line, at + 1)

    def apart(self, place: int) -> bool:
        """Whether a sentence or a part of one may end before the word at this place.

        Between Chinese characters a comma, or nothing at all, joins; a title that goes on there is another title.
        """
        if place in (0, len(self.words)):
            return True
        gap = self.gaps[place]
        if not (_IS_HAN.match(self.words[place - 1]) and _IS_HAN.match(self.words[place])):
            return True
        return bool(gap) and not _COMMAS.search(gap)

    def separate(self, place: int) -> bool:
        """Whether a code may begin or end before the word at this place: something stands there that separates.

        A character that was lost on the way (a question mark, a control character) makes no code of a part of one.
        """
        if place in (0, len(self.words)) or _BETWEEN.search(self.gaps[place]):
            return True
        return not self.gaps[place] and any(_IS_HAN.match(one) for one in self.words[place - 1 : place + 1])

    def ended(self, place: int) -> bool:
        """Whether a sentence ends, or a quotation begins or ends, before the word at this place."""
        return place in (0, len(self.words)) or bool(_MARKS.search(self.gaps[place]))


def without_names(text: str) -> str:
    """Return a text without what stands in a message for one machine only: ids, addresses, quoted names."""
    return _NAMES.sub(" ", text.translate(_QUOTES))

"""A message as Teams, Slack and the custom log take it. No text out of Azure is read as markup in any of them."""

from __future__ import annotations

from typing import Any

from .message import Message, Tone

_STYLES = {Tone.GOOD: "good", Tone.WAITS: "accent", Tone.NEEDED: "attention"}
_SIGNS = {Tone.GOOD: "\u2705", Tone.WAITS: "\u23f3", Tone.NEEDED: "\u26a0\ufe0f"}
_SLACK_HEADER = 150
_SLACK_BLOCK = 2900


def teams_card(message: Message) -> dict[str, Any]:
    """Return what a Teams workflow ("When a Teams webhook request is received") takes: a card in a message.

    Its texts are text runs, which are not read as Markdown as those of text blocks are.
    """
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": _STYLES[message.tone],
            "bleed": True,
            "items": [_runs(message.headline, weight="bolder", size="medium")],
        }
    ]
    for label, text in message.rows:
        body.append(_runs(label, weight="bolder", spacing="medium"))
        body += [
            _runs(line, fontType="monospace" if label == "Command" else "default", spacing="none")
            for line in text.split("\n")
        ]
    actions = [{"type": "Action.OpenUrl", "title": "Open the VM in the portal", "url": message.link}]
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
        "actions": actions if message.link else [],
        "msteams": {"width": "Full"},
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def slack_message(message: Message) -> dict[str, Any]:
    """Return what a Slack incoming webhook takes: plain texts, so that nothing in them mentions or links anything."""
    headline = f"{_SIGNS[message.tone]} {message.headline}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(headline if len(headline) <= _SLACK_HEADER else headline[:_SLACK_HEADER])}
    ]
    blocks += [{"type": "section", "text": _plain(f"{label}: {text}"[:_SLACK_BLOCK])} for label, text in message.rows]
    if message.link:
        link = {"type": "mrkdwn", "text": f"<{_escaped(message.link)}|Open the VM in the portal>"}
        blocks.append({"type": "section", "text": link})
    return {"text": _escaped(f"{headline} ({message.verdict})"), "blocks": blocks}


def _runs(text: str, *, spacing: str = "default", **how: str) -> dict[str, Any]:
    return {
        "type": "RichTextBlock",
        "spacing": spacing,
        "inlines": [{"type": "TextRun", "text": text, **how}],
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

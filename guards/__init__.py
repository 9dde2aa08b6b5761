"""What may stop a change. Every guard says what it saw and what the human does next; no option weakens one."""

from .approval import Consent, missing_approval
from .memory import Asked, Limits, Memory
from .model import Guarded, Refusal
from .review import before_send, review

__all__ = ["Asked", "Consent", "Guarded", "Limits", "Memory", "Refusal", "before_send", "missing_approval", "review"]

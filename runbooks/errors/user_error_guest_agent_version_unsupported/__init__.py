"""UserErrorGuestAgentVersionUnsupported: Unsupported guest agent version on the (Linux) VM."""

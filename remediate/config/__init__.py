"""``remediate.toml``: what guards and journal are told to do, within bounds that no setting can leave."""

from .load import find_config, load_config
from .model import Config, ConfigError

__all__ = ["Config", "ConfigError", "find_config", "load_config"]

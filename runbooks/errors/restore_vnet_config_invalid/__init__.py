"""RestoreVnetConfigInvalid: the specified virtual network configuration isn't correct."""

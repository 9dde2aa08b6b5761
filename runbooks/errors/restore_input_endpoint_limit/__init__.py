"""RestoreInputEndpointLimit: the cloud service has reached its limit on the number of input endpoints."""

"""UserErrorCrpReportedUserError: the compute platform, or the guest, reported another error, which counts."""

# The table names the one subject whose certificates are deleted.
function Test-It { Test-Table }
function Set-It { Set-Table }

Invoke-GuestScript -Word "$args"

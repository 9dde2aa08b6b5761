# The table says what the task restarts. It is needed whenever it is asked for.
function Test-It { Test-Table }
function Set-It { Set-Table }

Invoke-GuestScript -Word "$args"

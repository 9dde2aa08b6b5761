# The table says what the task does; when one step fails the agent is started again all the same. It is needed whenever
# it is asked for.
function Test-It { Test-Table }
function Set-It { Set-Table }

Invoke-GuestScript -Word "$args"

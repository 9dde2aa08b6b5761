# The table says which services stand behind which writers, and which writers are left alone.
function Test-It { Test-Table }
function Set-It { Set-Table }

Invoke-GuestScript -Word "$args"

# The table says what is looked at and what is set.
function Test-It { Test-Table }
function Set-It { Set-Table }
function Undo-It { Undo-Table }

Invoke-GuestScript -Word "$args"

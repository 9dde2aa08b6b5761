# Not while a snapshot is being made: the writers would be left frozen. That vssadmin cannot tell is no reason to wait,
# since it asks the very service that hangs.
function Confirm-NoSnapshot {
    try { $writers = @(Get-VssWriter) } catch { $writers = @() }
    foreach ($writer in $writers) {
        if (@(2, 3, 4) -contains $writer.Number) { Deny-It -Why "a snapshot is being made: $($writer.Name)" }
    }
}

function Test-It { Test-Table }

function Set-It {
    Confirm-NoSnapshot
    Set-Table
}

Invoke-GuestScript -Word "$args"

# Needed while the runtime's file is not there, be it that the installer says that it has worked. When it asks for a
# restart the file may come with that.
function Test-It {
    Test-Table
    if (@(Get-ActiveItem).Count -gt 0 -and $State.Pending -ne 'reboot') { $State.Needed = $true }
}

function Set-It { Set-Table }

Invoke-GuestScript -Word "$args"

# Whether the registration is damaged cannot be seen, so it is needed whenever it is asked for.
function Test-It { Test-Table }

# Whatever happens in between, Windows Installer is not left out of the registry.
function Set-It {
    Confirm-Table
    try {
        Set-Table
    } catch {
        $problem = $_
        $last = @(Get-ActiveItem)[-1]
        if ($State.Refused -eq '' -and (Test-OneItem -Item $last)) { Set-OneItem -Item $last }
        throw $problem
    }
}

Invoke-GuestScript -Word "$args"

# Why Defender is not the antivirus that is at work here, though its service runs; empty when it is.
function Get-PassiveReason {
    $status = Get-MpComputerStatus
    $mode = "$(Get-Field -Item $status -Name 'AMRunningMode' -Default 'Normal')"
    if ($mode -ne 'Normal') { return "Microsoft Defender is not the active antivirus here, its mode is: $mode" }
    if (-not $status.RealTimeProtectionEnabled) { return 'the real-time protection of Microsoft Defender is off' }
    return ''
}

# While Defender does not run nobody can tell what it excludes: an apply then says why it is refused.
function Test-It {
    Test-Table
    if (@(Get-ActiveItem | Where-Object -FilterScript { $_.kind -eq 'defender_exclusion' }).Count -eq 0) {
        $State.Needed = $true
        return
    }
    $why = Get-PassiveReason
    if ($why -ne '') { Add-Found -Name 'passive' -Value $why }
}

function Set-It {
    Confirm-Table
    $why = Get-PassiveReason
    if ($why -ne '') { Deny-It -Why $why }
    Set-Table
}

function Undo-It { Undo-Table }

Invoke-GuestScript -Word "$args"

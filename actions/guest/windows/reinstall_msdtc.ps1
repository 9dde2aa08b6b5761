# Needed while MSDTC or the COM+ System Application does not run. What can simply be started is not installed anew.
function Test-It { Test-Table }

function Start-Both {
    foreach ($item in @(Get-ActiveItem)) {
        if ($item.kind -eq 'service' -and $item.state -eq 'Running') { Start-OneService -Name $item.name }
    }
}

function Set-It {
    Confirm-Table
    try {
        Start-Both
        Add-Changed -Kind 'service' -What 'MSDTC, COMSysApp' -Before 'stopped' -After 'started; not installed anew'
        return
    } catch {
        Set-Table
    }
}

Invoke-GuestScript -Word "$args"

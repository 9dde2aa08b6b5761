# The form that the line of the Windows subsystem has: Windows does not start with a broken one.
function Test-Line {
    param([string]$Line)
    $form = '^\S+\\system32\\csrss\.exe ObjectDirectory=\\Windows SharedSection=\d{3,6},\d{3,6},\d{3,6} Windows=On '
    $form += 'SubSystemType=Windows( [A-Za-z]+=[A-Za-z0-9:,]+)+\s*$'
    return $Line -match $form -and $Line -match ' ServerDll=basesrv,' -and $Line -match ' ServerDll=winsrv:'
}

function Get-LineItem {
    foreach ($item in @(Get-ActiveItem)) {
        if ($item.kind -eq 'registry') { $item }
    }
}

# Why the line must not be changed; empty when it may.
function Get-LineReason {
    foreach ($item in @(Get-LineItem)) {
        $now = Get-RegistryData -Key $item.key -Name $item.name
        if ($now.Type -ne $item.type) { return "the line is of type $($now.Type)" }
        if (-not (Test-Line -Line $now.Value)) { return "the line has an unusual form: $($now.Value)" }
        $want = Get-WantedData -Item $item -Now $now
        if (-not (Test-Line -Line $want.Value)) { return "the line would have an unusual form: $($want.Value)" }
        if (-not ($now.Value -match ' SharedSection=(\d+),(\d+),(\d+) ')) { return 'the line has no sizes' }
        $sizes = @($item.value.Split(','))
        for ($number = 0; $number -lt 3; $number += 1) {
            if ([int]$Matches[$number + 1] -gt [int]$sizes[$number]) { return "one of the sizes is larger already: $($Matches[0])" }
        }
    }
    return ''
}

function Test-It {
    Test-Table
    $why = Get-LineReason
    if ($State.Needed -and $why -ne '') { Add-Found -Name 'refuses' -Value @($why) }
}

function Set-It {
    Confirm-Table
    $why = Get-LineReason
    if ($why -ne '') { Deny-It -Why $why }
    $item = @(Get-LineItem)[0]
    $want = Get-WantedData -Item $item -Now (Get-RegistryData -Key $item.key -Name $item.name)
    Set-Table
    $now = Get-RegistryData -Key $item.key -Name $item.name
    if ($now.Type -ne $item.type -or $now.Value -cne $want.Value) {
        Undo-Table
        throw 'the line was not written as it has to be, and was put back'
    }
}

function Undo-It {
    Undo-Table
    $State.Pending = 'reboot'
}

Invoke-GuestScript -Word "$args"

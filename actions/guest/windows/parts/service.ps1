# kind "service".
# An account name in one spelling.
function Get-PlainAccount {
    param([string]$Name)
    $plain = $Name.ToLowerInvariant().Replace(' ', '').Replace('ntauthority\', '').Replace('.\', '')
    if ($plain -eq 'system') { return 'localsystem' }
    return $plain
}

# What differs about a service: start, account, state, restart.
function Get-ServiceDifference {
    param($Item)
    $service = Find-Service -Name $Item.name
    if ($null -eq $service) { throw "service $($Item.name) is missing" }
    $setup = Get-ServiceSetup -Name $Item.name
    $start = Get-Field -Item $Item -Name 'start' -Default $setup.Start
    $account = Get-Field -Item $Item -Name 'account' -Default $setup.Account
    $running = Get-Field -Item $Item -Name 'state' -Default "$($service.Status)"
    $restart = Get-Field -Item $Item -Name 'restart' -Default ''
    if ($setup.Start -ne $start) { 'start' }
    if ((Get-PlainAccount -Name $setup.Account) -ne (Get-PlainAccount -Name $account)) { 'account' }
    if ("$($service.Status)" -ne $running) { 'state' }
    if ($restart -eq 'always' -and -not $State.Done.ContainsKey("restart $($Item.name)")) { 'restart' }
}

function Test-ServiceItem {
    param($Item)
    $text = Get-ServiceText -Name $Item.name
    Add-Found -Name "service $($Item.name)" -Value $text
    if ($text -eq 'missing') { return (Get-Field -Item $Item -Name 'state' -Default '') -ne 'Stopped' }
    return @(Get-ServiceDifference -Item $Item).Count -gt 0
}

# Start type (Delayed: automatic, later) and account; what is empty stays. Only accounts without a password.
function Write-ServiceSetup {
    param([string]$Name, [string]$Start, [string]$Account)
    $words = @{ 'Automatic' = 'auto'; 'Manual' = 'demand'; 'Disabled' = 'disabled'; 'Delayed' = 'delayed-auto' }
    if ($Start -ne '') {
        $null = Invoke-System -Name 'sc.exe' -Arguments @('config', $Name, 'start=', $words[$Start]) -Seconds 60
    }
    if ($Account -ne '') {
        $null = Invoke-System -Name 'sc.exe' -Arguments @('config', $Name, 'obj=', $Account, 'password=', '') -Seconds 60
    }
}

function Set-ServiceItem {
    param($Item)
    $name = $Item.name
    $different = @(Get-ServiceDifference -Item $Item)
    $setup = Get-ServiceSetup -Name $name
    $text = Get-ServiceText -Name $name
    $status = "$((Get-Service -Name $name).Status)"
    $before = @{ start = $setup.Start; delayed = $setup.Delayed; account = $setup.Account; state = $status }
    Add-Record -Kind 'service' -What $name -Before $before
    $start = ''
    $account = ''
    if ($different -contains 'start') { $start = $Item.start }
    if ($different -contains 'account') { $account = $Item.account }
    Write-ServiceSetup -Name $name -Start $start -Account $account
    $want = Get-Field -Item $Item -Name 'state' -Default ''
    $restart = Get-Field -Item $Item -Name 'restart' -Default ''
    $dependents = @(Get-Field -Item $Item -Name 'dependents' -Default @())
    if ($want -eq 'Stopped') {
        Stop-WithDependents -Name $name -Dependents $dependents
    } elseif ($status -ne 'Stopped' -and ($restart -eq 'always' -or ($restart -eq 'changed' -and "$start$account" -ne ''))) {
        Restart-OneService -Name $name -Dependents $dependents
    } elseif ($restart -eq 'always' -or $want -eq 'Running') {
        Start-OneService -Name $name
    }
    $State.Done["restart $name"] = $true
    $after = Get-ServiceText -Name $name
    if ($after -ne $text) { Add-Changed -Kind 'service' -What $name -Before $text -After $after }
}

function Stop-WithDependents {
    param([string]$Name, [string[]]$Dependents)
    foreach ($one in @(Find-Dependent -Name $Name -Allowed $Dependents)) { Stop-OneService -Name $one }
    Stop-OneService -Name $Name
}

# Ends the script when a service had an account whose password the record does not know.
function Confirm-ServiceEntry {
    param($Entry)
    $now = Get-PlainAccount -Name (Get-ServiceSetup -Name $Entry.what).Account
    $was = Get-PlainAccount -Name $Entry.before.account
    if ($now -ne $was -and @('localsystem', 'localservice', 'networkservice') -notcontains $was) {
        Deny-It -Why "service $($Entry.what) ran as $($Entry.before.account), whose password only a person can enter"
    }
}

function Undo-ServiceEntry {
    param($Entry)
    $name = $Entry.what
    $was = $Entry.before
    $text = Get-ServiceText -Name $name
    if ($text -eq 'missing') { throw "service $name is missing" }
    $now = Get-ServiceSetup -Name $name
    $start = ''
    $account = ''
    if ($was.delayed -and -not $now.Delayed) { $start = 'Delayed' }
    if (-not $was.delayed -and ($now.Start -ne $was.start -or $now.Delayed)) { $start = $was.start }
    if ((Get-PlainAccount -Name $now.Account) -ne (Get-PlainAccount -Name $was.account)) { $account = $was.account }
    Write-ServiceSetup -Name $name -Start $start -Account $account
    $running = "$((Get-Service -Name $name).Status)" -ne 'Stopped'
    if ($was.state -eq 'Stopped') {
        if ($running) { Stop-WithDependents -Name $name -Dependents @() }
    } elseif ($running -and $account -ne '') {
        Restart-OneService -Name $name -Dependents @()
    } else {
        Start-OneService -Name $name
    }
    $after = Get-ServiceText -Name $name
    if ($after -ne $text) { Add-Changed -Kind 'service' -What $name -Before $text -After $after }
}

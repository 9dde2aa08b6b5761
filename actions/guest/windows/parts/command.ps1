# kind "command": the newest program that fits, once.
function Get-ItemProgram {
    param($Item)
    $file = @(Find-Place -Pattern $Item.file) | Select-Object -First 1
    return "$file"
}

function Get-CommandText {
    param($Item)
    return "command $($Item.file) " + (@(Get-Field -Item $Item -Name 'arguments' -Default @()) -join ' ')
}

function Test-CommandItem {
    param($Item)
    if (-not $Item.file.Contains('%RECORD%')) { Add-Found -Name "program $($Item.file)" -Value (Get-ItemProgram -Item $Item) }
    return -not $State.Done.ContainsKey((Get-CommandText -Item $Item))
}

function Set-CommandItem {
    param($Item)
    $file = Get-ItemProgram -Item $Item
    if ($file -eq '') { throw "there is no $($Item.file)" }
    $signer = Get-Field -Item $Item -Name 'signer' -Default ''
    if ($signer -ne '') { Confirm-Signer -File $file -Signer $signer }
    $words = @(Get-Field -Item $Item -Name 'arguments' -Default @() | ForEach-Object -Process { Resolve-Text -Text $_ })
    $done = Invoke-Program -File $file -Arguments $words -Seconds (Get-Field -Item $Item -Name 'seconds' -Default 300)
    if (@($Item.exit_codes) -notcontains $done.Code) {
        throw "$file $($words -join ' ') ended with $($done.Code): $($done.Problems)$($done.Text)"
    }
    if ($done.Code -eq 3010) { $State.Pending = 'reboot' }
    $State.Done[(Get-CommandText -Item $Item)] = $true
    Add-Changed -Kind 'command' -What "$file $($words -join ' ')" -Before '' -After "ended with $($done.Code)"
}

# kind "registry".
# Writes a value; returns whether the key had to be made.
function Write-RegistryData {
    param([string]$Key, [string]$Name, [string]$Type, $Value)
    $made = -not (Test-RegistryKey -Key $Key)
    if ($made) {
        $hive = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
        [void]$hive.CreateSubKey($Key.Substring(5)).Close()
    }
    $handle = Open-RegistryKey -Key $Key -Writable $true
    if ($Type -eq 'DWord') { $Value = [int]$Value } else { $Value = [string]$Value }
    [void]$handle.SetValue($Name, $Value, $Type)
    [void]$handle.Close()
    return $made
}

# The type and data that a value has to have.
function Get-WantedData {
    param($Item, $Now)
    $type = $Item.type
    $part = Get-Field -Item $Item -Name 'part' -Default ''
    if ($part -eq '') { return @{ Type = $type; Value = $Item.value } }
    $pattern = '(?<=(^|\s)' + [regex]::Escape($part) + '=)\S*'
    if ([regex]::Matches("$($Now.Value)", $pattern).Count -ne 1) { throw "$($Item.name) does not hold $part exactly once" }
    return @{ Type = $type; Value = [regex]::Replace($Now.Value, $pattern, $Item.value) }
}

# The keys that an item of kind "registry" is about.
function Get-ItemKey {
    param($Item)
    foreach ($key in @(Find-RegistryKey -Key $Item.key)) {
        if (-not (Get-Field -Item $Item -Name 'if_exists' -Default $false) -or (Test-RegistryKey -Key $key)) { $key }
    }
}

function Test-RegistryItem {
    param($Item)
    $needed = $false
    foreach ($key in @(Get-ItemKey -Item $Item)) {
        $now = Get-RegistryData -Key $key -Name $Item.name
        Add-Found -Name "$key\$($Item.name)" -Value $now.Value
        $want = Get-WantedData -Item $Item -Now $now
        if ($now.Type -ne $want.Type -or "$($now.Value)" -cne "$($want.Value)") { $needed = $true }
    }
    return $needed
}

function Set-RegistryItem {
    param($Item)
    foreach ($key in @(Get-ItemKey -Item $Item)) {
        $what = "$key\$($Item.name)"
        $now = Get-RegistryData -Key $key -Name $Item.name
        $want = Get-WantedData -Item $Item -Now $now
        if ($now.Type -eq $want.Type -and "$($now.Value)" -ceq "$($want.Value)") { continue }
        if (@('', 'String', 'ExpandString', 'DWord') -notcontains $now.Type) { Deny-It -Why "$what is a $($now.Type)" }
        $before = @{ key = $key; name = $Item.name; type = $now.Type; value = $now.Value; wanted = "$($want.Value)" }
        $before.key_was_there = Test-RegistryKey -Key $key
        Add-Record -Kind 'registry' -What $what -Before $before
        $null = Write-RegistryData -Key $key -Name $Item.name -Type $want.Type -Value $want.Value
        Add-Changed -Kind 'registry' -What $what -Before $now.Value -After $want.Value
    }
}

function Undo-RegistryEntry {
    param($Entry)
    $was = $Entry.before
    $now = Get-RegistryData -Key $was.key -Name $was.name
    if ($was.type -ne '') {
        $null = Write-RegistryData -Key $was.key -Name $was.name -Type $was.type -Value $was.value
    } elseif ($now.Type -ne '') {
        $handle = Open-RegistryKey -Key $was.key -Writable $true
        [void]$handle.DeleteValue($was.name, $false)
        $empty = $handle.ValueCount -eq 0 -and $handle.SubKeyCount -eq 0
        [void]$handle.Close()
        if ($empty -and -not $was.key_was_there) {
            $hive = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
            [void]$hive.DeleteSubKey($was.key.Substring(5), $false)
        }
    }
    Add-Changed -Kind 'registry' -What $Entry.what -Before $now.Value -After $was.value
}

function Confirm-RegistryEntry {
    param($Entry)
    $now = "$(Get-RegistryValue -Key $Entry.before.key -Name $Entry.before.name)"
    if ($now -cne "$($Entry.before.wanted)" -and $now -cne "$($Entry.before.value)") {
        Deny-It -Why "$($Entry.what) was changed since by somebody else, to: $now"
    }
}

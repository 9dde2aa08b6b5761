# kind "registry_delete".
function Test-RegistryDeleteItem {
    param($Item)
    if ($Item.key.Split('\').Count -lt 5 -or $Item.key -match '\\\*') { throw "not a key that may be deleted: $($Item.key)" }
    $keys = @(Find-RegistryKey -Key $Item.key | Where-Object -FilterScript { Test-RegistryKey -Key $_ })
    Add-Found -Name $Item.key -Value $keys
    return $keys.Count -gt 0
}

function Set-RegistryDeleteItem {
    param($Item)
    foreach ($key in @(Find-RegistryKey -Key $Item.key)) {
        if (-not (Test-RegistryKey -Key $key)) { continue }
        $file = Export-RegistryKey -Kind 'registry_delete' -Key $key
        $hive = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
        [void]$hive.DeleteSubKeyTree($key.Substring(5), $false)
        Add-Changed -Kind 'registry_delete' -What $key -Before "exported to $file" -After ''
    }
}

function Undo-RegistryDeleteEntry {
    param($Entry)
    $null = Invoke-System -Name 'reg.exe' -Arguments @('import', $Entry.before.export, '/reg:64') -Seconds 60
    Add-Changed -Kind 'registry_delete' -What $Entry.what -Before '' -After 'imported again'
}

# kind "registry_export": a key is kept in the record, and nothing is changed. It is never the reason to do anything.
function Test-RegistryExportItem {
    param($Item)
    Add-Found -Name "exists $($Item.key)" -Value (Test-RegistryKey -Key $Item.key)
    return $false
}

function Set-RegistryExportItem {
    param($Item)
    if (-not (Test-RegistryKey -Key $Item.key)) { return }
    $file = Export-RegistryKey -Kind 'registry_export' -Key $Item.key
    Add-Changed -Kind 'registry_export' -What $Item.key -Before '' -After $file
}

# The exported file stays in the record's folder, for a person.
function Undo-RegistryExportEntry {
    param($Entry)
    Add-Found -Name "exported $($Entry.what)" -Value $Entry.before.export
}

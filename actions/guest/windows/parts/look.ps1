# kind "look": what a check reports without changing it.
function Test-LookItem {
    param($Item)
    if ($null -ne (Get-Field -Item $Item -Name 'key' -Default $null)) {
        Add-Found -Name $Item.as -Value (Get-RegistryValue -Key $Item.key -Name $Item.name)
    } elseif ($null -ne (Get-Field -Item $Item -Name 'service' -Default $null)) {
        Add-Found -Name $Item.as -Value (Get-ServiceText -Name $Item.service)
    } else {
        Add-Found -Name $Item.as -Value (@(Find-Place -Pattern $Item.path).Count -gt 0)
    }
    return $false
}

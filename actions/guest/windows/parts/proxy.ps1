# kind "proxy": the proxy of LocalSystem; Windows keeps it in one binary value.
function Get-ProxyPlace {
    return @{
        Key = 'HKU\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'
        Name = 'DefaultConnectionSettings'
    }
}

function Get-ProxyText {
    $place = Get-ProxyPlace
    $bytes = @(Get-RegistryValue -Key $place.Key -Name $place.Name)
    if ($bytes.Count -lt 16 -or $bytes[8] -eq 1) { return 'NO_PROXY' }
    $length = [int]$bytes[12]
    $server = ''
    if ($length -gt 0 -and $bytes.Count -ge 16 + $length) {
        $server = [Text.Encoding]::ASCII.GetString([byte[]]$bytes[16..(15 + $length)])
    }
    return "flags $($bytes[8]) $server".Trim()
}

function Test-ProxyItem {
    param($Item)
    $now = Get-ProxyText
    Add-Found -Name "proxy $($Item.account)" -Value $now
    return $now -ne $Item.value
}

function Set-ProxyItem {
    param($Item)
    $place = Get-ProxyPlace
    $now = Get-ProxyText
    $bytes = [byte[]]@(Get-RegistryValue -Key $place.Key -Name $place.Name)
    Add-Record -Kind 'proxy' -What $Item.account -Before @{ base64 = [Convert]::ToBase64String($bytes) }
    $words = @('/Util', '/SetIEProxy', $Item.account, $Item.value)
    $null = Invoke-System -Name 'bitsadmin.exe' -Arguments $words -Seconds 60
    Add-Changed -Kind 'proxy' -What $Item.account -Before $now -After (Get-ProxyText)
}

function Undo-ProxyEntry {
    param($Entry)
    $place = Get-ProxyPlace
    $now = Get-ProxyText
    $handle = Open-RegistryKey -Key $place.Key -Writable $true
    [void]$handle.SetValue($place.Name, [Convert]::FromBase64String($Entry.before.base64), 'Binary')
    [void]$handle.Close()
    Add-Changed -Kind 'proxy' -What $Entry.what -Before $now -After (Get-ProxyText)
}

# kind "dhcp": the network interfaces with a fixed address.
function Find-FixedInterface {
    Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter 'IPEnabled = TRUE AND DHCPEnabled = FALSE'
}

# The IPv4 addresses, or the masks, of a list that also holds IPv6 ones and prefix lengths.
function Get-DottedItem {
    param($List)
    foreach ($one in @($List)) {
        if ("$one" -match '^\d+\.\d+\.\d+\.\d+$') { "$one" }
    }
}

function Test-DhcpItem {
    param($Item)
    $fixed = @(Find-FixedInterface | ForEach-Object -Process { "$($_.Description): $(@($_.IPAddress) -join ' ')" })
    Add-Found -Name 'fixed' -Value $fixed
    return $fixed.Count -gt 0
}

function Invoke-Network {
    param($Interface, [string]$Method, [hashtable]$Arguments)
    $done = Invoke-CimMethod -InputObject $Interface -MethodName $Method -Arguments $Arguments
    if (@(0, 1) -notcontains [int]$done.ReturnValue) { throw "$Method of $($Interface.Description) gave $($done.ReturnValue)" }
}

# Gives an interface back the address that it had.
function Restore-Address {
    param($Was)
    $one = Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter "Index = $([int]$Was.index)"
    $address = @{ IPAddress = [string[]]@($Was.address); SubnetMask = [string[]]@($Was.mask) }
    Invoke-Network -Interface $one -Method 'EnableStatic' -Arguments $address
    if (@($Was.gateway).Count -gt 0) {
        Invoke-Network -Interface $one -Method 'SetGateways' -Arguments @{ DefaultIPGateway = [string[]]@($Was.gateway) }
    }
    if (@($Was.dns).Count -gt 0) {
        Invoke-Network -Interface $one -Method 'SetDNSServerSearchOrder' -Arguments @{ DNSServerSearchOrder = [string[]]@($Was.dns) }
    }
}

# Waits for the same address from DHCP; without it the fixed address comes back at once.
function Confirm-Lease {
    param($Was)
    for ($try = 0; $try -lt 12; $try += 1) {
        Start-Sleep -Seconds 5
        $one = Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter "Index = $([int]$Was.index)"
        if ($one.DHCPEnabled -and @($one.IPAddress) -contains $Was.address[0]) { return }
    }
    Restore-Address -Was $Was
    throw "DHCP did not give $($Was.address[0]) within a minute: the fixed address is back"
}

function Set-DhcpItem {
    param($Item)
    foreach ($one in @(Find-FixedInterface)) {
        $addresses = @(Get-DottedItem -List $one.IPAddress)
        if ($addresses.Count -ne 1) { Deny-It -Why "$($one.Description) has $($addresses.Count) IPv4 addresses" }
    }
    foreach ($one in @(Find-FixedInterface)) {
        $was = @{
            index = [int]$one.Index; address = @(Get-DottedItem -List $one.IPAddress)
            mask = @(Get-DottedItem -List $one.IPSubnet); gateway = @(Get-DottedItem -List $one.DefaultIPGateway)
            dns = @(Get-DottedItem -List $one.DNSServerSearchOrder)
        }
        Add-Record -Kind 'dhcp' -What $one.Description -Before $was
        Invoke-Network -Interface $one -Method 'EnableDHCP' -Arguments @{}
        Confirm-Lease -Was $was
        Add-Changed -Kind 'dhcp' -What $one.Description -Before "fixed $($was.address[0])" -After 'DHCP'
    }
}

function Undo-DhcpEntry {
    param($Entry)
    Restore-Address -Was $Entry.before
    Add-Changed -Kind 'dhcp' -What $Entry.what -Before 'DHCP' -After "fixed $($Entry.before.address[0])"
}

# Why the interface must not be switched; empty when it may. Azure has to give it the very address that it has.
function Get-AddressReason {
    $fixed = @(Find-FixedInterface)
    if ($fixed.Count -ne 1) { return "$($fixed.Count) interfaces have an address that was set by hand, and it may be only one" }
    $addresses = @(Get-DottedItem -List $fixed[0].IPAddress)
    if ($addresses.Count -ne 1) { return "$($fixed[0].Description) has $($addresses.Count) IPv4 addresses, and it may be only one" }
    $told = Get-ScriptParameter -Name 'address'
    if ($told -ne $addresses[0]) {
        return "the interface has $($addresses[0]), and the parameter address, its address in Azure, is: $told"
    }
    return ''
}

function Test-It {
    Test-Table
    if ($State.Needed) {
        $why = Get-AddressReason
        if ($why -ne '') { Add-Found -Name 'refuses' -Value @($why) }
    }
}

function Set-It {
    Confirm-Table
    $why = Get-AddressReason
    if ($why -ne '') { Deny-It -Why $why }
    Set-Table
}

Invoke-GuestScript -Word "$args"

# The agent needs .NET 4.5, whose release number is 378389: why it cannot be installed, empty when it can.
function Get-OldDotNetReason {
    foreach ($item in @(Get-LookItem -As 'dotnet_release')) {
        $release = Get-RegistryValue -Key $item.key -Name $item.name
        if ($null -eq $release -or $release -lt 378389) {
            return "the agent needs .NET 4.5 or newer, release 378389; here the release is: $release"
        }
    }
    return ''
}

# It is needed whenever it is asked for: which version is the newest cannot be told without the download.
function Test-It {
    Test-Table
    $why = Get-OldDotNetReason
    if ($why -ne '') { Add-Found -Name 'refuses' -Value @($why) }
}

function Set-It {
    Confirm-Table
    $why = Get-OldDotNetReason
    if ($why -ne '') { Deny-It -Why $why }
    Set-Table
}

Invoke-GuestScript -Word "$args"

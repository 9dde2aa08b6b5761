# One thing that a look reports. What cannot be told is null, and never ends the look.
function Add-Seen {
    param([string]$Name, [scriptblock]$Look)
    try {
        Add-Found -Name $Name -Value (& $Look)
    } catch {
        Add-Found -Name $Name -Value $null
    }
}

# The same for a list, which stays a list with one element or none.
function Add-SeenList {
    param([string]$Name, [scriptblock]$Look)
    try {
        Add-Found -Name $Name -Value @(& $Look)
    } catch {
        Add-Found -Name $Name -Value $null
    }
}

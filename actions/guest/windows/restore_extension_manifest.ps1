# Of the newest version of the extension: its folder, whether the file is there, and why it cannot be put back.
function Get-Manifest {
    $look = @(Get-LookItem -As 'versions')[0]
    $item = @(Get-TableItem | Where-Object -FilterScript { $_.kind -eq 'unzip' })[0]
    $folder = "$(@(Find-Place -Pattern $look.path) | Select-Object -First 1)"
    $archive = (Get-UnzipPlan -Item $item).Archive
    $seen = @{ There = $folder -ne '' -and (Test-Place -File ($folder + '\' + $item.entry)); Why = '' }
    if ($folder -eq '') {
        $seen.Why = 'the backup extension is not installed'
    } elseif ($archive -eq '' -or [System.IO.Path]::GetDirectoryName($archive) -ne $folder) {
        $seen.Why = "there is no archive in $folder"
    }
    return $seen
}

# Only the newest version counts: the agent runs no other.
function Test-It {
    Test-Table
    $seen = Get-Manifest
    $State.Needed = -not $seen.There
    if ($State.Needed -and $seen.Why -ne '') { Add-Found -Name 'refuses' -Value @($seen.Why) }
}

function Set-It {
    Confirm-Table
    $seen = Get-Manifest
    if ($seen.Why -ne '') { Deny-It -Why $seen.Why }
    Set-Table
}

function Undo-It { Undo-Table }

Invoke-GuestScript -Word "$args"

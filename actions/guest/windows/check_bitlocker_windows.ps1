# Changes nothing. A locked volume cannot be part of a snapshot.
function Test-It {
    Add-SeenList -Name 'bitlocker' -Look { Get-LockedVolume }
    Add-Seen -Name 'ade' -Look { Test-DiskEncryption }
}

Invoke-GuestScript -Word "$args"

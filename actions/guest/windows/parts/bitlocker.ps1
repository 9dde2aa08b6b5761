# The volumes that BitLocker protects; none where BitLocker is not installed.
function Get-LockedVolume {
    $namespace = 'root\CIMV2\Security\MicrosoftVolumeEncryption'
    try {
        $volumes = @(Get-CimInstance -Namespace $namespace -ClassName Win32_EncryptableVolume)
    } catch {
        if ($_.FullyQualifiedErrorId -notmatch '0x8004100e|0x80041010') { throw }
        return
    }
    foreach ($volume in $volumes) {
        if ($volume.ProtectionStatus -eq 0) { continue }
        $status = Invoke-CimMethod -InputObject $volume -MethodName 'GetLockStatus'
        $word = 'Unlocked'
        if ($status.LockStatus -ne 0) { $word = 'Locked' }
        $name = "$($volume.DriveLetter)"
        if ($name -eq '') { $name = 'volume without a letter' }
        "$name $word"
    }
}

# Whether Azure Disk Encryption is at work.
function Test-DiskEncryption {
    foreach ($item in @(Get-LookItem -As 'ade')) {
        if (@(Find-Place -Pattern $item.path).Count -gt 0) { return $true }
    }
    return $false
}

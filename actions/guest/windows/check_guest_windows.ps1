# Changes nothing. Every key, service and path that it looks at stands in the table.

function Get-MachineVersion {
    return [Environment]::OSVersion.Version.ToString(3)
}

function Get-FileVersion {
    param([string]$File)
    $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($File)
    return "$($info.ProductMajorPart).$($info.ProductMinorPart).$($info.ProductBuildPart).$($info.ProductPrivatePart)"
}

# The program behind the agent's service, else where older agents have it.
function Get-AgentVersion {
    foreach ($item in @(Get-LookItem -As 'agent_version')) {
        $file = ''
        if ($null -ne (Get-Field -Item $item -Name 'key' -Default $null)) {
            $image = "$(Get-RegistryValue -Key $item.key -Name $item.name)"
            if ($image -match '^"?([A-Za-z]:\\[^"]+?\.exe)') { $file = $Matches[1] }
        } else {
            $file = $item.path
        }
        if ($file -ne '' -and (Test-Place -File $file)) { return Get-FileVersion -File $file }
    }
    return ''
}

function Get-Services {
    $all = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($item in @(Get-LookItem -As 'services')) { $all[$item.service] = Get-ServiceText -Name $item.service }
    return $all
}

function Get-LookValue {
    param([string]$As)
    $item = @(Get-LookItem -As $As)[0]
    return Get-RegistryValue -Key $item.key -Name $item.name
}

# The release number of .NET Framework 4.5 or newer; 0 where there is none.
function Get-DotNetRelease {
    $release = Get-LookValue -As 'dotnet_release'
    if ($null -eq $release) { return 0 }
    return $release
}

function Find-LookPlace {
    param([string]$As)
    foreach ($item in @(Get-LookItem -As $As)) { Find-Place -Pattern $item.path }
}

function Find-LookService {
    param([string]$As)
    foreach ($item in @(Get-LookItem -As $As)) {
        foreach ($service in @(Find-Service -Name $item.service)) { $service.Name }
    }
}

function Add-Writers {
    try {
        $all = @(Get-VssWriter)
        Add-Found -Name 'writers' -Value @($all | Where-Object -FilterScript { -not $_.Stable } | ForEach-Object -Process { $_.Text })
        Add-Found -Name 'writers_total' -Value $all.Count
    } catch {
        Add-Found -Name 'writers' -Value $null
        Add-Found -Name 'writers_total' -Value $null
    }
}

function Find-WeakFramework {
    foreach ($item in @(Get-LookItem -As 'strong_crypto_missing')) {
        foreach ($key in @(Find-RegistryKey -Key $item.key)) {
            if ((Get-RegistryValue -Key $key -Name $item.name) -ne 1) { $key }
        }
    }
}

function Get-MachineKeysText {
    $item = @(Get-LookItem -As 'machinekeys')[0]
    $folder = Resolve-Text -Text $item.path
    $now = Get-RuleText -Acl ([System.IO.Directory]::GetAccessControl($folder, 'Access'))
    if ($now -eq (Get-RuleText -Acl (Get-WantedAcl -Item $item))) { return 'default' }
    return "changed: $now"
}

function Get-RuntimeVersion {
    $files = @(Find-LookPlace -As 'vcredist')
    if ($files.Count -eq 0) { return '' }
    $info = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($files[0])
    return "$($info.FileMajorPart).$($info.FileMinorPart).$($info.FileBuildPart)"
}

function Find-PendingReboot {
    foreach ($item in @(Get-LookItem -As 'reboot_pending')) {
        $name = Get-Field -Item $item -Name 'name' -Default ''
        if ($name -eq '') {
            if (Test-RegistryKey -Key $item.key) { $item.label }
        } elseif (@(Get-RegistryValue -Key $item.key -Name $name).Count -gt 0 -and
            "$(Get-RegistryValue -Key $item.key -Name $name)" -ne '') {
            $item.label
        }
    }
}

function Get-Dhcp {
    $all = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($one in @([System.Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces())) {
        if ("$($one.OperationalStatus)" -ne 'Up' -or "$($one.NetworkInterfaceType)" -ne 'Ethernet') { continue }
        if (-not $one.Supports('IPv4')) { continue }
        $all[$one.Name] = [bool]$one.GetIPProperties().GetIPv4Properties().IsDhcpEnabled
    }
    return $all
}

function Test-Port {
    param([string]$Address, [int]$Port)
    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try {
        return ($client.ConnectAsync($Address, $Port).Wait(4000) -and $client.Connected)
    } catch {
        return $false
    } finally {
        [void]$client.Close()
    }
}

function Get-WireServer {
    $item = @(Get-LookItem -As 'wireserver')[0]
    $all = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($port in @($item.ports)) { $all["$port"] = Test-Port -Address $item.address -Port $port }
    return $all
}

# A text of a binary proxy setting: its length in four bytes, then its letters.
function Get-ProxyField {
    param([byte[]]$Bytes, [int]$At)
    if ($Bytes.Length -lt $At + 4) { return '' }
    $length = [BitConverter]::ToInt32($Bytes, $At)
    if ($length -le 0 -or $Bytes.Length -lt $At + 4 + $length) { return '' }
    return [Text.Encoding]::ASCII.GetString($Bytes, $At + 4, $length)
}

# The proxy that LocalSystem or WinHTTP is set to use; a proxy that is only looked for does not count.
function Get-ProxySetting {
    foreach ($item in @(Get-LookItem -As 'proxy')) {
        $bytes = [byte[]]@(Get-RegistryValue -Key $item.key -Name $item.name | Where-Object -FilterScript { $null -ne $_ })
        if ($bytes.Length -lt 16) { continue }
        $server = Get-ProxyField -Bytes $bytes -At 12
        $around = Get-ProxyField -Bytes $bytes -At (16 + $server.Length)
        if (($bytes[8] -band 2) -ne 0 -and $server -ne '') {
            if ($around -eq '') { return $server }
            return "$server, bypass $around"
        }
        if (($bytes[8] -band 4) -ne 0) {
            return 'script ' + (Get-ProxyField -Bytes $bytes -At (20 + $server.Length + $around.Length))
        }
    }
    return ''
}

function Test-Dns {
    $item = @(Get-LookItem -As 'dns')[0]
    try {
        $task = [System.Net.Dns]::GetHostAddressesAsync($item.name_to_resolve)
        return ($task.Wait(10000) -and @($task.Result).Count -gt 0)
    } catch {
        return $false
    }
}

function Get-DiskSpace {
    $all = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($drive in @([System.IO.DriveInfo]::GetDrives())) {
        if ("$($drive.DriveType)" -ne 'Fixed' -or -not $drive.IsReady) { continue }
        $all[$drive.Name.TrimEnd('\')] = [long][Math]::Floor($drive.AvailableFreeSpace / 1048576)
    }
    return $all
}

function Get-ProcessorLoad {
    $load = @(Get-CimInstance -ClassName Win32_Processor | ForEach-Object -Process { [int]$_.LoadPercentage })
    return [int](($load | Measure-Object -Average).Average)
}

function Get-MemoryLoad {
    $system = Get-CimInstance -ClassName Win32_OperatingSystem
    return [int](100 - 100 * $system.FreePhysicalMemory / $system.TotalVisibleMemorySize)
}

# The events of a log that an item describes and one of its texts occurs in; none when there is no such log.
function Find-Event {
    param($Item)
    $since = (Get-Date).AddDays(-[int]$Item.days)
    $filter = @{ LogName = $Item.log; StartTime = $since }
    $provider = Get-Field -Item $Item -Name 'provider' -Default ''
    if ($provider -ne '') { $filter['ProviderName'] = $provider }
    $ids = @(Get-Field -Item $Item -Name 'ids' -Default @())
    if ($ids.Count -gt 0) { $filter['Id'] = $ids }
    try {
        $events = @(Get-WinEvent -FilterHashtable $filter -MaxEvents 500)
    } catch {
        if ($_.FullyQualifiedErrorId -notmatch '^NoMatching') { throw }
        return
    }
    foreach ($one in $events) {
        $data = @($one.Properties | ForEach-Object -Process { "$($_.Value)" }) -join ' '
        foreach ($text in @($Item.texts)) {
            if ("$data $($one.Message)".Contains($text)) {
                $one
                break
            }
        }
    }
}

function Get-EventCount {
    param([string]$As)
    $count = 0
    foreach ($item in @(Get-LookItem -As $As)) { $count += @(Find-Event -Item $item).Count }
    return $count
}

function Find-BlockedProgram {
    foreach ($item in @(Get-LookItem -As 'app_control')) {
        $count = @(Find-Event -Item $item).Count
        if ($count -gt 0) { "$($item.label): $count in $($item.days) days" }
    }
}

function Get-DefenderState {
    $item = @(Get-LookItem -As 'defender')[0]
    $service = Find-Service -Name $item.service
    if ($null -eq $service) { return 'absent' }
    if ("$($service.Status)" -ne 'Running') { return 'off' }
    if ((Get-MpComputerStatus).RealTimeProtectionEnabled) { return 'on' }
    return 'off'
}

function Find-ScannedFolder {
    if ((Get-DefenderState) -ne 'on') { return }
    $excluded = @((Get-MpPreference).ExclusionPath)
    foreach ($item in @(Get-LookItem -As 'defender_missing')) {
        if ($excluded -notcontains $item.path) { $item.path }
    }
}

function Find-Antivirus {
    $item = @(Get-LookItem -As 'antivirus')[0]
    foreach ($field in @($item.services.PSObject.Properties)) {
        if ($null -ne (Find-Service -Name $field.Name)) { $field.Value }
    }
}

# The digit of the leap indicator: 3 means that the clock was never set. The words are translated.
function Test-TimeSync {
    $item = @(Get-LookItem -As 'time_synced')[0]
    $service = Find-Service -Name $item.service
    if ($null -eq $service -or "$($service.Status)" -ne 'Running') { return $false }
    $text = Invoke-System -Name 'w32tm.exe' -Arguments @('/query', '/status') -Seconds 20
    if ($text -notmatch ':\s*([0-3])\(') { return $null }
    return $Matches[1] -ne '3'
}

function Find-Log {
    foreach ($item in @(Get-LookItem -As 'logs')) {
        foreach ($file in @(Find-Place -Pattern $item.path | Select-Object -First 3)) {
            "$file $((Get-Item -LiteralPath $file -Force).Length)"
        }
    }
}

function Get-BackupValues {
    $all = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($item in @(Get-LookItem -As 'bcdr')) {
        $handle = Open-RegistryKey -Key $item.key -Writable $false
        if ($null -eq $handle) { continue }
        foreach ($name in @($handle.GetValueNames())) { $all[$name] = "$($handle.GetValue($name))" }
        [void]$handle.Close()
    }
    return $all
}

function Find-Version {
    foreach ($place in @(Find-LookPlace -As 'vmsnapshot_versions')) {
        $name = [System.IO.Path]::GetFileName($place)
        if ($name -match '^\d+(\.\d+)+$') { $name }
    }
}

function Test-Manifest {
    $item = @(Get-LookItem -As 'manifest')[0]
    $versions = @(Find-Version)
    if ($versions.Count -eq 0) { return $null }
    return Test-Place -File ($item.path.Replace('*', $versions[0]))
}

function Get-Heap {
    if ("$(Get-LookValue -As 'heap')" -match '(^|\s)SharedSection=(\S*)') { return $Matches[2] }
    return ''
}

function Add-Machine {
    Add-Seen -Name 'os_version' -Look { Get-MachineVersion }
    Add-Seen -Name 'powershell' -Look { $PSVersionTable.PSVersion.ToString() }
    Add-Seen -Name 'services' -Look { Get-Services }
    Add-Seen -Name 'agent_version' -Look { Get-AgentVersion }
    Add-Seen -Name 'dotnet_release' -Look { Get-DotNetRelease }
    Add-Writers
    Add-SeenList -Name 'strong_crypto_missing' -Look { Find-WeakFramework }
    Add-Seen -Name 'machinekeys' -Look { Get-MachineKeysText }
    Add-Seen -Name 'crp_certificates' -Look { @(Find-Certificate -Item @(Get-LookItem -As 'crp')[0]).Count }
    Add-Seen -Name 'crp_expired' -Look {
        @(Find-Certificate -Item @(Get-LookItem -As 'crp')[0] | Where-Object -FilterScript { $_.NotAfter -lt (Get-Date) }).Count
    }
    Add-Seen -Name 'vcredist' -Look { Get-RuntimeVersion }
    Add-SeenList -Name 'reboot_pending' -Look { Find-PendingReboot }
}

function Add-Surroundings {
    Add-Seen -Name 'dhcp' -Look { Get-Dhcp }
    Add-Seen -Name 'wireserver' -Look { Get-WireServer }
    Add-Seen -Name 'proxy' -Look { Get-ProxySetting }
    Add-Seen -Name 'dns' -Look { Test-Dns }
    Add-Seen -Name 'disk_free_mb' -Look { Get-DiskSpace }
    Add-Seen -Name 'cpu_percent' -Look { Get-ProcessorLoad }
    Add-Seen -Name 'memory_percent' -Look { Get-MemoryLoad }
    Add-Seen -Name 'faulting' -Look { Get-EventCount -As 'faulting' }
    Add-Seen -Name 'vss_timeouts' -Look { Get-EventCount -As 'vss_timeouts' }
    Add-Seen -Name 'defender' -Look { Get-DefenderState }
    Add-SeenList -Name 'defender_missing' -Look { Find-ScannedFolder }
    Add-SeenList -Name 'antivirus' -Look { Find-Antivirus }
    Add-SeenList -Name 'app_control' -Look { Find-BlockedProgram }
    Add-SeenList -Name 'bitlocker' -Look { Get-LockedVolume }
    Add-Seen -Name 'ade' -Look { Test-DiskEncryption }
}

function Add-Backup {
    Add-SeenList -Name 'sql' -Look { Find-LookService -As 'sql' }
    Add-Seen -Name 'vss_copy_backup' -Look { "$(Get-LookValue -As 'vss_copy_backup')" }
    Add-Seen -Name 'vss_full_backup' -Look { "$(Get-LookValue -As 'vss_full_backup')" }
    Add-Seen -Name 'cluster' -Look { @(Find-LookService -As 'cluster').Count -gt 0 }
    Add-Seen -Name 'domain_controller' -Look { @(Find-LookService -As 'domain_controller').Count -gt 0 }
    Add-Seen -Name 'time_synced' -Look { Test-TimeSync }
    Add-SeenList -Name 'logs' -Look { Find-Log }
    Add-Seen -Name 'bcdr' -Look { Get-BackupValues }
    Add-Seen -Name 'msi_start' -Look { Get-LookValue -As 'msi_start' }
    Add-SeenList -Name 'vmsnapshot_versions' -Look { Find-Version }
    Add-Seen -Name 'manifest' -Look { Test-Manifest }
    Add-Seen -Name 'gac_storage' -Look { @(Find-LookPlace -As 'gac_storage').Count -gt 0 }
    Add-Seen -Name 'heap' -Look { Get-Heap }
}

function Test-It {
    Add-Machine
    Add-Surroundings
    Add-Backup
}

Invoke-GuestScript -Word "$args"

# Common to every script for Windows: one JSON document on stdout, parameters, records, services, the registry. Then
# follows, for every kind of item in this script's table, a part with a function that looks (Test-), one that changes
# (Set-) and, where there is a way back, one that puts back (Undo-). Then the action: Test-It, Set-It and Undo-It, which
# mostly call the functions for the whole table. docs/guest-scripts.md describes the contract and the kinds.

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$VerbosePreference = 'SilentlyContinue'
$ConfirmPreference = 'None'

$MostBytes = 3900   # Azure keeps the last 4096
$WaitSeconds = 90   # how long a service may take to start or stop
$BaseFolder = [Environment]::GetFolderPath('CommonApplicationData') + '\AzureBackupRemediation'
$RecordFolder = "$BaseFolder\$ScriptAction"
$TaskName = "AzureBackupRemediation-$ScriptAction"
$State = @{
    Needed = $false; Applied = $false; Pending = ''; Refused = ''; Error = ''; Cut = $false
    Found = (New-Object -TypeName System.Collections.Specialized.OrderedDictionary)
    Changed = (New-Object -TypeName System.Collections.ArrayList)
    Done = @{}; Lock = $null
}

# ---- what the script answers ---------------------------------------------------------------------------------------

# Ends the script, status 3: a danger was seen, or this is the wrong place. Nothing (more) is done.
function Deny-It {
    param([string]$Why)
    $State.Refused = $Why
    throw $Why
}

function Add-Found {
    param([string]$Name, $Value)
    $State.Found[$Name] = $Value
}

function Add-Changed {
    param([string]$Kind, [string]$What, $Before, $After)
    $one = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    $one['kind'] = $Kind
    $one['what'] = $What
    $one['before'] = "$Before"
    $one['after'] = "$After"
    [void]$State.Changed.Add($one)
}

# A text as JSON in ASCII, cut to Most characters.
function ConvertTo-JsonString {
    param([string]$Text, [int]$Most)
    if ($Text.Length -gt $Most) {
        $Text = $Text.Substring(0, $Most)
        $State.Cut = $true
    }
    $out = New-Object -TypeName System.Text.StringBuilder
    foreach ($char in $Text.ToCharArray()) {
        $number = [int]$char
        if ($number -eq 34 -or $number -eq 92) {
            [void]$out.Append('\').Append($char)
        } elseif ($number -ge 32 -and $number -lt 127) {
            [void]$out.Append($char)
        } else {
            [void]$out.Append('\u').Append($number.ToString('x4'))
        }
    }
    return '"' + $out.ToString() + '"'
}

# A value as compact JSON: text, whole number, flag, nothing, list or dictionary; at most Items of a list.
# Own code, since ConvertTo-Json of Windows PowerShell 5.1 unrolls lists, cuts depth and does not write ASCII.
function ConvertTo-JsonText {
    param($Value, [int]$Most, [int]$Items)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [bool]) { return $Value.ToString().ToLowerInvariant() }
    if ($Value -is [int] -or $Value -is [long] -or $Value -is [uint32] -or $Value -is [uint16] -or
        $Value -is [uint64] -or $Value -is [byte]) {
        return ([long]$Value).ToString([Globalization.CultureInfo]::InvariantCulture)
    }
    $parts = New-Object -TypeName System.Collections.ArrayList
    if ($Value -is [System.Collections.IDictionary]) {
        foreach ($name in @($Value.Keys)) {
            if ($parts.Count -ge $Items) {
                $State.Cut = $true
                break
            }
            $text = ConvertTo-JsonText -Value $Value[$name] -Most $Most -Items $Items
            [void]$parts.Add((ConvertTo-JsonString -Text $name -Most 250) + ':' + $text)
        }
        return '{' + ($parts -join ',') + '}'
    }
    if ($Value -is [System.Collections.IList]) {
        foreach ($one in $Value) {
            if ($parts.Count -ge $Items) {
                $State.Cut = $true
                break
            }
            [void]$parts.Add((ConvertTo-JsonText -Value $one -Most $Most -Items $Items))
        }
        return '[' + ($parts -join ',') + ']'
    }
    return ConvertTo-JsonString -Text "$Value" -Most $Most
}

# The answer, with texts of at most Most characters and lists of at most Items.
function Get-AnswerText {
    param([int]$Most, [int]$Items)
    $found = New-Object -TypeName System.Collections.ArrayList
    foreach ($name in @($State.Found.Keys)) {
        $text = ConvertTo-JsonText -Value $State.Found[$name] -Most $Most -Items $Items
        [void]$found.Add((ConvertTo-JsonString -Text $name -Most 250) + ':' + $text)
    }
    $why = [Math]::Min(500, 2 * $Most)
    $text = '{"contract":1,"action":' + (ConvertTo-JsonString -Text $ScriptAction -Most 100)
    $text += ',"verb":' + (ConvertTo-JsonString -Text $ScriptVerb -Most 20)
    $text += ',"needed":' + (ConvertTo-JsonText -Value $State.Needed -Most 0 -Items 0)
    $text += ',"applied":' + (ConvertTo-JsonText -Value $State.Applied -Most 0 -Items 0)
    $text += ',"pending":' + (ConvertTo-JsonString -Text $State.Pending -Most 100)
    $text += ',"refused":' + (ConvertTo-JsonString -Text $State.Refused -Most $why)
    $text += ',"error":' + (ConvertTo-JsonString -Text $State.Error -Most $why)
    $text += ',"found":{' + ($found -join ',') + '}'
    $text += ',"changed":' + (ConvertTo-JsonText -Value $State.Changed -Most $Most -Items $Items)
    return $text + ',"cut":' + (ConvertTo-JsonText -Value $State.Cut -Most 0 -Items 0) + '}'
}

# The only place that writes to stdout. What makes the answer too long is shortened, step by step.
function Write-Answer {
    $State.Cut = $false
    $text = Get-AnswerText -Most 300 -Items 40
    foreach ($size in @(@(160, 20), @(100, 10), @(60, 8), @(40, 5), @(20, 3))) {
        if ($text.Length -gt $MostBytes) { $text = Get-AnswerText -Most $size[0] -Items $size[1] }
    }
    if ($text.Length -gt $MostBytes) {
        [void]$State.Found.Clear()
        [void]$State.Changed.Clear()
        $State.Cut = $true
        $text = Get-AnswerText -Most 100 -Items 1
    }
    Write-Output -InputObject $text
}

# ---- reading what was sent -----------------------------------------------------------------------------------------

function Get-ScriptParameter {
    param([string]$Name)
    if (-not $ScriptParameters.ContainsKey($Name)) { return '' }
    return [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($ScriptParameters[$Name]))
}

# The items of the table. Put into an object first, since a list alone behaves differently from version to version.
function Get-TableItem {
    $table = ConvertFrom-Json -InputObject ('{"items":' + $ScriptTable + '}')
    foreach ($item in @($table.items)) { $item }
}

# A field of an item, or the default.
function Get-Field {
    param($Item, [string]$Name, $Default)
    $field = $Item.PSObject.Properties[$Name]
    if ($null -eq $field) { return $Default }
    return $field.Value
}

# The items with that name in "as": what a probe looks at.
function Get-LookItem {
    param([string]$As)
    foreach ($item in @(Get-TableItem)) {
        if ((Get-Field -Item $item -Name 'as' -Default '') -eq $As) { $item }
    }
}

# A path with its variables resolved; a 32-bit process finds the real System32 under another name.
function Resolve-Text {
    param([string]$Text)
    $path = [Environment]::ExpandEnvironmentVariables($Text.Replace('%RECORD%', $RecordFolder))
    if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
        $folder = [Environment]::GetFolderPath('Windows')
        $path = $path -replace [regex]::Escape("$folder\System32\"), "$folder\Sysnative\"
    }
    return $path
}

# Whether a path exists, be it a file or a folder.
function Test-Place {
    param([string]$File)
    return [bool](Test-Path -LiteralPath $File)
}

# Every existing path that fits a pattern with * in some of its parts, the newest version folder first.
function Find-Place {
    param([string]$Pattern)
    $parts = (Resolve-Text -Text $Pattern).Split('\')
    $places = @($parts[0] + '\')
    foreach ($part in @($parts | Select-Object -Skip 1)) {
        $next = @()
        foreach ($place in $places) {
            if (-not $part.Contains('*')) {
                $next += $place.TrimEnd('\') + '\' + $part
            } elseif (Test-Place -File $place) {
                foreach ($one in @(Get-ChildItem -LiteralPath $place -Force)) {
                    if ($one.Name -like $part) { $next += $one.FullName }
                }
            }
        }
        $places = $next
    }
    $there = @($places | Where-Object -FilterScript { Test-Place -File $_ })
    return $there | Sort-Object -Descending -Property { Get-VersionInPath -Text $_ }, { $_ }
}

# The first folder in a path whose name is a version number, as a version.
function Get-VersionInPath {
    param([string]$Text)
    foreach ($part in $Text.Split('\')) {
        if ($part -match '^\d{1,9}(\.\d{1,9}){1,3}$') { return [version]$part }
    }
    return [version]'0.0'
}

# ---- programs ------------------------------------------------------------------------------------------------------

# Runs a program to its end: its exit code and what it wrote. An argument cannot break out of its quotes.
function Invoke-Program {
    param([string]$File, [string[]]$Arguments, [int]$Seconds)
    $words = @()
    foreach ($word in $Arguments) {
        if ($word.Contains('"') -or ($word.EndsWith('\') -and $word -match '\s')) { throw "not a plain argument: $word" }
        if ($word -eq '' -or $word -match '\s') { $words += '"' + $word + '"' } else { $words += $word }
    }
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.FileName = $File
    $start.Arguments = $words -join ' '
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    $output = $process.StandardOutput.ReadToEndAsync()
    $problems = $process.StandardError.ReadToEndAsync()
    if (-not $process.WaitForExit($Seconds * 1000)) {
        [void]$process.Kill()
        throw "$File did not end within $Seconds seconds"
    }
    $done = @{ Code = $process.ExitCode; Text = ''; Problems = '' }
    if ($output.Wait(5000)) { $done.Text = $output.Result }   # a program left behind may still hold the pipe
    if ($problems.Wait(5000)) { $done.Problems = $problems.Result }
    return $done
}

# The same, for a program of Windows that has to succeed.
function Invoke-System {
    param([string]$Name, [string[]]$Arguments, [int]$Seconds)
    $file = Resolve-Text -Text "%SystemRoot%\System32\$Name"
    $done = Invoke-Program -File $file -Arguments $Arguments -Seconds $Seconds
    if ($done.Code -ne 0) { throw "$Name $($Arguments -join ' ') ended with $($done.Code): $($done.Problems)$($done.Text)" }
    return $done.Text
}

# Ends the script unless a file carries a valid signature of that organisation.
function Confirm-Signer {
    param([string]$File, [string]$Signer)
    $signature = Get-AuthenticodeSignature -LiteralPath $File
    if ("$($signature.Status)" -ne 'Valid') { Deny-It -Why "the signature of $File is $($signature.Status)" }
    $subject = $signature.SignerCertificate.Subject
    if (($subject -replace '"[^"]*"', '') -notmatch ('(^|, )O=' + [regex]::Escape($Signer) + '(,|$)')) {
        Deny-It -Why "$File is signed by $subject, not by $Signer"
    }
}

# ---- the record of what was replaced -------------------------------------------------------------------------------

# Makes a folder that only SYSTEM and administrators can enter; refuses one that somebody else has made.
function Open-PrivateFolder {
    param([string]$Folder)
    $rules = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    [void]$rules.SetSecurityDescriptorSddlForm('O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    if (Test-Place -File $Folder) {
        $one = Get-Item -LiteralPath $Folder -Force
        if ($one.Attributes -band [System.IO.FileAttributes]::ReparsePoint) { Deny-It -Why "$Folder is a link" }
        $owner = [System.IO.Directory]::GetAccessControl($Folder).GetOwner([System.Security.Principal.SecurityIdentifier])
        if (@('S-1-5-18', 'S-1-5-32-544') -notcontains $owner.Value) { Deny-It -Why "$Folder belongs to $($owner.Value)" }
        [void][System.IO.Directory]::SetAccessControl($Folder, $rules)
    } else {
        [void][System.IO.Directory]::CreateDirectory($Folder, $rules)
    }
}

# Makes the record's folders, and lets only one script at a time change anything.
function Open-Record {
    if ($null -ne $State.Lock) { return }
    foreach ($folder in @($BaseFolder, $RecordFolder, "$RecordFolder\was")) { Open-PrivateFolder -Folder $folder }
    try {
        $State.Lock = [System.IO.File]::Open("$BaseFolder\lock", 'OpenOrCreate', 'ReadWrite', 'None')
    } catch [System.IO.IOException] {
        Deny-It -Why 'another script of this kind is at work'
    }
}

# The entries of the record, the last one first; each names its own file in "file".
function Get-RecordEntry {
    if (-not (Test-Place -File "$RecordFolder\was")) { return }
    $files = @(Get-ChildItem -LiteralPath "$RecordFolder\was" -Filter '*.json' | Sort-Object -Property Name -Descending)
    foreach ($file in $files) {
        $entry = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($file.FullName))
        Add-Member -InputObject $entry -MemberType NoteProperty -Name 'file' -Value $file.FullName
        $entry
    }
}

# Writes down what is about to be replaced. What an earlier apply has written down stays: that is the original.
function Add-Record {
    param([string]$Kind, [string]$What, [hashtable]$Before)
    Open-Record
    $entries = @(Get-RecordEntry)
    foreach ($entry in $entries) {
        if ($entry.kind -eq $Kind -and $entry.what -eq $What) { return }
    }
    $number = 1
    if ($entries.Count -gt 0) { $number = 1 + [int][System.IO.Path]::GetFileNameWithoutExtension($entries[0].file) }
    $all = @{ kind = $Kind; what = $What; before = $Before }
    $text = ConvertTo-JsonText -Value $all -Most 1000000 -Items 100000
    $file = "$RecordFolder\was\" + $number.ToString('0000')
    [void][System.IO.File]::WriteAllText("$file.new", $text)
    [void][System.IO.File]::Move("$file.new", "$file.json")
}

# ---- the registry: always the 64-bit view, and never through paths that could hold wildcards -----------------------

function Open-RegistryKey {
    param([string]$Key, [bool]$Writable)
    $root = @{ 'HKLM' = 'LocalMachine'; 'HKU' = 'Users' }[$Key.Split('\')[0]]
    if ($null -eq $root) { throw "not a key that scripts may open: $Key" }
    $hive = [Microsoft.Win32.RegistryKey]::OpenBaseKey($root, 'Registry64')
    return $hive.OpenSubKey($Key.Substring($Key.IndexOf('\') + 1), $Writable)
}

# A value as it is stored: its type and data; the type is empty when there is no such value.
function Get-RegistryData {
    param([string]$Key, [string]$Name)
    $handle = Open-RegistryKey -Key $Key -Writable $false
    $data = @{ Type = ''; Value = $null }
    if ($null -eq $handle) { return $data }
    if (@($handle.GetValueNames()) -contains $Name) {
        $data.Type = $handle.GetValueKind($Name).ToString()
        $data.Value = $handle.GetValue($Name, $null, 'DoNotExpandEnvironmentNames')
    }
    [void]$handle.Close()
    return $data
}

function Get-RegistryValue {
    param([string]$Key, [string]$Name)
    return (Get-RegistryData -Key $Key -Name $Name).Value
}

function Get-SubKeyName {
    param([string]$Key)
    $handle = Open-RegistryKey -Key $Key -Writable $false
    if ($null -eq $handle) { return }
    foreach ($name in @($handle.GetSubKeyNames())) { $name }
    [void]$handle.Close()
}

# The existing keys that fit a key whose last part may hold *; without * the key itself, there or not.
function Find-RegistryKey {
    param([string]$Key)
    $last = $Key.LastIndexOf('\')
    $pattern = $Key.Substring($last + 1)
    if (-not $pattern.Contains('*')) { return $Key }
    $parent = $Key.Substring(0, $last)
    foreach ($name in @(Get-SubKeyName -Key $parent)) {
        if ($name -like $pattern) { "$parent\$name" }
    }
}

function Test-RegistryKey {
    param([string]$Key)
    $handle = Open-RegistryKey -Key $Key -Writable $false
    if ($null -eq $handle) { return $false }
    [void]$handle.Close()
    return $true
}

# Writes a key with all that is below it into a file of the record; returns the file.
function Export-RegistryKey {
    param([string]$Kind, [string]$Key)
    Open-Record
    $file = "$RecordFolder\was\" + ($Key -replace '[^A-Za-z0-9.]', '_') + '.reg'
    if (Test-Place -File $file) { $file = $file.Substring(0, $file.Length - 4) + '-' + [Guid]::NewGuid().ToString() + '.reg' }
    $null = Invoke-System -Name 'reg.exe' -Arguments @('export', $Key, $file, '/y', '/reg:64') -Seconds 60
    Add-Record -Kind $Kind -What $Key -Before @{ export = $file }
    return $file
}

# ---- services ------------------------------------------------------------------------------------------------------

function Find-Service {
    param([string]$Name)
    return Get-Service -Name $Name -ErrorAction SilentlyContinue
}

# Start type and account of a service as the registry has them: that works when WMI does not.
function Get-ServiceSetup {
    param([string]$Name)
    $key = "HKLM\SYSTEM\CurrentControlSet\Services\$Name"
    $start = @{ '2' = 'Automatic'; '3' = 'Manual'; '4' = 'Disabled' }["$(Get-RegistryValue -Key $key -Name 'Start')"]
    $later = $start -eq 'Automatic' -and (Get-RegistryValue -Key $key -Name 'DelayedAutostart') -eq 1
    return @{ Start = "$start"; Delayed = $later; Account = "$(Get-RegistryValue -Key $key -Name 'ObjectName')" }
}

# state/start type/account, or missing.
function Get-ServiceText {
    param([string]$Name)
    $service = Find-Service -Name $Name
    if ($null -eq $service) { return 'missing' }
    $setup = Get-ServiceSetup -Name $Name
    return "$($service.Status)/$($setup.Start)/$($setup.Account)"
}

function Wait-OneService {
    param([string]$Name, [string]$For)
    try {
        [void](Get-Service -Name $Name).WaitForStatus($For, [TimeSpan]::FromSeconds($WaitSeconds))
    } catch {
        throw "service $Name is not $For after $WaitSeconds seconds"
    }
}

function Start-OneService {
    param([string]$Name)
    $status = "$((Get-Service -Name $Name).Status)"
    if ($status -eq 'Running') { return }
    if ((Get-ServiceSetup -Name $Name).Start -eq 'Disabled') { throw "service $Name is disabled" }
    if ($status -eq 'StopPending') { Wait-OneService -Name $Name -For 'Stopped' }
    if ($status -ne 'StartPending') { [void](Get-Service -Name $Name).Start() }
    Wait-OneService -Name $Name -For 'Running'
}

# The services that run and depend on this one. All of them have to be ones that may be stopped, or nothing is.
function Find-Dependent {
    param([string]$Name, [string[]]$Allowed)
    foreach ($one in @((Get-Service -Name $Name).DependentServices)) {
        if ("$($one.Status)" -eq 'Stopped') { continue }
        if ($Allowed -notcontains $one.Name) { Deny-It -Why "service $($one.Name) depends on $Name and would be stopped too" }
        $one.Name
    }
}

function Stop-OneService {
    param([string]$Name)
    if ("$((Get-Service -Name $Name).Status)" -ne 'Stopped') { Stop-Service -Name $Name -NoWait }
    Wait-OneService -Name $Name -For 'Stopped'
}

# Stops a service, and before it those that depend on it; starts them all again, whatever happens.
function Restart-OneService {
    param([string]$Name, [string[]]$Dependents)
    if ((Get-ServiceSetup -Name $Name).Start -eq 'Disabled') { throw "service $Name is disabled" }
    $with = @(Find-Dependent -Name $Name -Allowed $Dependents)
    try {
        foreach ($one in $with) { Stop-OneService -Name $one }
        Stop-OneService -Name $Name
    } finally {
        Start-OneService -Name $Name
        foreach ($one in $with) { Start-OneService -Name $one }
    }
    Add-Changed -Kind 'service' -What $Name -Before 'running' -After (@('restarted') + $with -join ', with ')
}

# Every VSS writer. The words of vssadmin are translated, so only the quotes, the indentation and the number in brackets
# count; that a stable writer tells of an error is seen in English only.
function Get-VssWriter {
    $text = Invoke-System -Name 'vssadmin.exe' -Arguments @('list', 'writers') -Seconds 120
    $name = ''
    $status = ''
    foreach ($line in ($text -split '\r?\n')) {
        if ($line -match '^\S[^'']*''(.+)''\s*$') {
            $name = $Matches[1]
            $status = ''
        } elseif ($name -ne '' -and $status -eq '' -and $line -match '^\s+[^\[]*\[(\d+)\]\s*(.*)$') {
            $number = [int]$Matches[1]
            $status = "[$number] $($Matches[2].Trim())"
        } elseif ($status -ne '' -and $line -match '^\s+[^:]*:\s*(.*)$') {
            $last = $Matches[1].Trim()
            $good = $number -eq 1 -and $last -notmatch '^(Retryable|Non-retryable|Inconsistent|Timed out|Unexpected|Out of)'
            @{ Name = $name; Number = $number; Stable = $good; Text = "${name}: ${status}: $last" }
            $name = ''
            $status = ''
        }
    }
}

# ---- the outcome of a task that was handed over --------------------------------------------------------------------

function Add-FoundResult {
    $file = "$RecordFolder\result.json"
    if (Test-Place -File $file) {
        $result = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($file))
        Add-Found -Name 'result' -Value @{ task = $result.task; ok = $result.ok; detail = $result.detail; at = $result.at }
    }
}

# ---- items of any kind ---------------------------------------------------------------------------------------------

# Whether one of the names, divided by commas, is a service (running: that runs) or an existing path.
function Test-AnyName {
    param([string]$Names, [bool]$Running)
    foreach ($name in $Names.Split(',')) {
        if ($name.Contains('\')) {
            if (@(Find-Place -Pattern $name).Count -gt 0) { return $true }
        } else {
            foreach ($service in @(Find-Service -Name $name)) {
                if (-not $Running -or "$($service.Status)" -eq 'Running') { return $true }
            }
        }
    }
    return $false
}

# "when": present:NAMES, absent:NAMES (none of them), running:NAMES (services), stopped:NAMES (one of them does not run),
# set:KEY\VALUE, key:KEY.
function Test-Condition {
    param($Item)
    $when = Get-Field -Item $Item -Name 'when' -Default ''
    if ($when -eq '') { return $true }
    $word = $when.Substring(0, $when.IndexOf(':'))
    $rest = $when.Substring($when.IndexOf(':') + 1)
    switch ($word) {
        'present' { return Test-AnyName -Names $rest -Running $false }
        'absent' { return -not (Test-AnyName -Names $rest -Running $false) }
        'running' { return Test-AnyName -Names $rest -Running $true }
        'stopped' {
            foreach ($name in $rest.Split(',')) {
                if (-not (Test-AnyName -Names $name -Running $true)) { return $true }
            }
            return $false
        }
        'key' { return Test-RegistryKey -Key $rest }
        'set' {
            $last = $rest.LastIndexOf('\')
            return (Get-RegistryData -Key ($rest.Substring(0, $last)) -Name ($rest.Substring($last + 1))).Type -ne ''
        }
        default { throw "no such condition: $when" }
    }
}

# Every kind of item has a part of its own in this script, and there a function of its own for each thing to do.
function Test-Part {
    param([string]$Name)
    return $null -ne (Get-Command -Name $Name -CommandType Function -ErrorAction SilentlyContinue)
}

function Invoke-Part {
    param([string]$Name, $Item)
    & $Name $Item
}

# Whether an item would change something; what it saw goes to "found".
function Test-OneItem {
    param($Item)
    return Invoke-Part -Name "Test-$($Item.kind.Replace('_', ''))Item" -Item $Item
}

function Set-OneItem {
    param($Item)
    Invoke-Part -Name "Set-$($Item.kind.Replace('_', ''))Item" -Item $Item
    $pending = Get-Field -Item $Item -Name 'pending' -Default ''
    if ($pending -ne '') { $State.Pending = $pending }
}

# Puts back one entry of the record.
function Undo-OneEntry {
    param($Entry)
    $name = "Undo-$($Entry.kind.Replace('_', ''))Entry"
    if (-not (Test-Part -Name $name)) { throw "what was done to $($Entry.what) cannot be put back" }
    Invoke-Part -Name $name -Item $Entry
}

# Ends the script when an entry cannot be put back, or when somebody else has changed it since.
function Confirm-OneEntry {
    param($Entry)
    $name = "Confirm-$($Entry.kind.Replace('_', ''))Entry"
    if (Test-Part -Name $name) { Invoke-Part -Name $name -Item $Entry }
}

# Does the items in their order. When one fails, what follows is left out, but services that have to run are started.
function Set-ItemList {
    param($Items)
    $problem = $null
    foreach ($item in @($Items)) {
        if ($null -eq $problem) {
            try {
                if ($item.kind -eq 'registry_export' -or (Test-OneItem -Item $item)) { Set-OneItem -Item $item }
            } catch {
                $problem = $_
            }
        } elseif ($item.kind -eq 'service' -and (Get-Field -Item $item -Name 'state' -Default '') -eq 'Running') {
            try { Start-OneService -Name $item.name } catch { Add-Changed -Kind 'service' -What $item.name -Before '' -After "$_" }
        }
    }
    if ($null -ne $problem) { throw $problem }
}

# ---- the whole table: what Test-It, Set-It and Undo-It of most actions are -----------------------------------------

# The items whose condition holds, but those that only refuse.
function Get-ActiveItem {
    foreach ($item in @(Get-TableItem)) {
        if ($item.kind -ne 'refuse' -and (Test-Condition -Item $item)) { $item }
    }
}

function Test-Table {
    foreach ($item in @(Get-ActiveItem)) {
        if (Test-OneItem -Item $item) { $State.Needed = $true }
    }
    $why = @(Get-TableItem | Where-Object -FilterScript { $_.kind -eq 'refuse' -and (Test-Condition -Item $_) } |
        ForEach-Object -Process { $_.why })
    if ($why.Count -gt 0) { Add-Found -Name 'refuses' -Value $why }
}

# Ends the script when one of the conditions holds under which the table forbids a change.
function Confirm-Table {
    foreach ($item in @(Get-TableItem)) {
        if ($item.kind -eq 'refuse' -and (Test-Condition -Item $item)) { Deny-It -Why $item.why }
    }
}

function Set-Table {
    Confirm-Table
    Set-ItemList -Items @(Get-ActiveItem)
}

function Undo-Table {
    $entries = @(Get-RecordEntry)
    foreach ($entry in $entries) { Confirm-OneEntry -Entry $entry }
    foreach ($entry in $entries) {
        Undo-OneEntry -Entry $entry
        Remove-Item -LiteralPath $entry.file
    }
}

# ---- the verbs -----------------------------------------------------------------------------------------------------

function Invoke-Look {
    [void]$State.Found.Clear()
    $State.Needed = $false
    $null = Test-It
    Add-FoundResult
    if (@(Get-RecordEntry).Count -gt 0) { Add-Found -Name 'recorded' -Value $true }
}

function Invoke-Apply {
    Invoke-Look
    if (-not $State.Needed) {
        $State.Applied = $true
        return
    }
    Open-Record
    $null = Set-It
    Invoke-Look
    if ($State.Needed) { throw 'it was changed, and yet it is not as it has to be' }
    $State.Needed = $true
    $State.Applied = $true
}

function Invoke-Undo {
    if (@(Get-RecordEntry).Count -eq 0) { throw 'there is no record of an apply: nothing can be put back' }
    Open-Record
    $null = Undo-It
    $State.Needed = $true
    $State.Applied = $true
}

# Ends the script where it could not work or was not meant to run.
function Confirm-Place {
    if ($PSVersionTable.PSVersion.Major -lt 5) { Deny-It -Why "PowerShell is $($PSVersionTable.PSVersion), and 5 is needed" }
    if ([Environment]::OSVersion.Platform -ne 'Win32NT') { Deny-It -Why 'this is not Windows' }
    $identity = [System.Security.Principal.WindowsIdentity]::GetCurrent()
    $me = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList $identity
    if (-not $me.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
        Deny-It -Why 'not an administrator or SYSTEM'
    }
}

# The last line of every action file.
function Invoke-GuestScript {
    param([string]$Word)
    $code = 0
    try {
        Confirm-Place
        if ($Word -eq 'detached') {
            Invoke-Part -Name 'Invoke-Task' -Item $null
            exit 0
        }
        switch ($ScriptVerb) {
            'check' {
                Invoke-Look
                $State.Applied = -not $State.Needed
            }
            'apply' { Invoke-Apply }
            'undo' { Invoke-Undo }
            default { Deny-It -Why "no such verb: $ScriptVerb" }
        }
    } catch {
        $code = 3
        if ($State.Refused -eq '') {
            $code = 1
            $State.Error = ($_.Exception.Message -replace '\s+', ' ').Trim()
        }
        $State.Applied = $false
    }
    if ($null -ne $State.Lock) { [void]$State.Lock.Close() }
    Write-Answer
    exit $code
}

# kind "detached": a task that works when this script, and perhaps the agent that runs it, has ended.
# Whether a task of this action still has to run, or runs.
function Test-TaskWaiting {
    $task = Get-ScheduledTask -TaskName $TaskName -ErrorAction SilentlyContinue
    if ($null -eq $task) { return $false }
    if ("$($task.State)" -eq 'Running') { return $true }
    return $null -ne (Get-ScheduledTaskInfo -InputObject $task).NextRunTime
}

# Whether a task has ended well within the last quarter of an hour: a restart leaves no other trace.
function Test-RecentResult {
    $file = "$RecordFolder\result.json"
    if (-not (Test-Place -File $file)) { return $false }
    $result = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($file))
    return $result.ok -and (Get-UnixTime) - $result.at -lt 900
}

function Test-DetachedItem {
    param($Item)
    $waits = Test-TaskWaiting
    if ($waits) {
        Add-Found -Name 'task_waits' -Value $true
        $State.Pending = Get-Field -Item $Item -Name 'pending' -Default 'agent restart'
    }
    $needed = $false
    foreach ($one in @($Item.items)) {
        if ((Test-Condition -Item $one) -and (Test-OneItem -Item $one)) { $needed = $true }
    }
    return $needed -and -not $waits -and -not $State.Done.ContainsKey('detached') -and -not (Test-RecentResult)
}

# The task runs a copy of this very script, whose hash was approved, with the word detached behind it.
function Set-DetachedItem {
    param($Item)
    if ("$PSCommandPath" -eq '') { Deny-It -Why 'this script was not started from a file, so no task can be made of it' }
    Open-Record
    $result = "$RecordFolder\result.json"
    if (Test-Place -File $result) { Remove-Item -LiteralPath $result }
    $copy = "$RecordFolder\task.ps1"
    [void][System.IO.File]::Copy($PSCommandPath, $copy, $true)
    $old = Get-ScheduledTask -TaskName $TaskName -ErrorAction SilentlyContinue
    if ($null -ne $old) { Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false }
    $after = [Math]::Max(30, [int]$Item.after)
    $shell = [Environment]::GetFolderPath('System') + '\WindowsPowerShell\v1.0\powershell.exe'
    $words = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "' + $copy + '" detached'
    $do = New-ScheduledTaskAction -Execute $shell -Argument $words
    $start = (Get-Date).AddSeconds($after)
    $when = New-ScheduledTaskTrigger -Once -At $start
    $who = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $how = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -ExecutionTimeLimit (New-TimeSpan -Hours 1)
    $null = Register-ScheduledTask -TaskName $TaskName -Action $do -Trigger $when -Principal $who -Settings $how
    $State.Done['detached'] = $true
    $State.Pending = Get-Field -Item $Item -Name 'pending' -Default 'agent restart'
    Add-Changed -Kind 'detached' -What $TaskName -Before '' -After "starts in $after seconds"
}

function Get-UnixTime {
    return [long]((Get-Date).ToUniversalTime() - [datetime]'1970-01-01').TotalSeconds
}

function Write-TaskResult {
    param([bool]$Good, [string]$Detail)
    $result = @{ task = $ScriptAction; ok = $Good; detail = $Detail; at = (Get-UnixTime) }
    $text = ConvertTo-JsonText -Value $result -Most 200 -Items 10
    [void][System.IO.File]::WriteAllText("$RecordFolder\result.json", $text)
}

# What the task does: the detached items, then the result, then it takes itself out of the list of tasks.
function Invoke-Task {
    try {
        foreach ($item in @(Get-TableItem)) {
            if ($item.kind -eq 'detached') { Set-ItemList -Items @($item.items | Where-Object -FilterScript { Test-Condition -Item $_ }) }
        }
        Write-TaskResult -Good $true -Detail 'done'
    } catch {
        Write-TaskResult -Good $false -Detail $_.Exception.Message
    }
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
}

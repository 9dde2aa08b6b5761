# kind "unzip": the newest archive that fits; the entry is put beside it when it is missing.
function Get-UnzipPlan {
    param($Item)
    $archive = "$(@(Find-Place -Pattern $Item.archive) | Select-Object -First 1)"
    if ($archive -eq '') { return @{ Archive = ''; File = '' } }
    return @{ Archive = $archive; File = [System.IO.Path]::GetDirectoryName($archive) + '\' + $Item.entry }
}

function Test-UnzipItem {
    param($Item)
    $plan = Get-UnzipPlan -Item $Item
    if ($plan.Archive -eq '') {
        Add-Found -Name $Item.entry -Value $null
        return $false
    }
    $there = Test-Place -File $plan.File
    Add-Found -Name $Item.entry -Value $there
    return -not $there
}

function Set-UnzipItem {
    param($Item)
    $plan = Get-UnzipPlan -Item $Item
    Open-Record
    $folder = "$RecordFolder\unzip-" + [Guid]::NewGuid().ToString()
    try {
        Expand-Archive -LiteralPath $plan.Archive -DestinationPath $folder
        $source = @(Get-ChildItem -LiteralPath $folder -Filter $Item.entry -Recurse) | Select-Object -First 1
        if ($null -eq $source) { throw "$($plan.Archive) does not hold $($Item.entry)" }
        Add-Record -Kind 'unzip' -What $plan.File -Before @{ there = $false }
        [void][System.IO.File]::Copy($source.FullName, $plan.File, $false)
    } finally {
        if (Test-Place -File $folder) { Remove-Item -LiteralPath $folder -Recurse -Force }
    }
    Add-Changed -Kind 'unzip' -What $plan.File -Before '' -After "from $($plan.Archive)"
}

function Undo-UnzipEntry {
    param($Entry)
    if (-not (Test-Place -File $Entry.what)) { return }
    Remove-Item -LiteralPath $Entry.what
    Add-Changed -Kind 'unzip' -What $Entry.what -Before 'present' -After 'absent'
}

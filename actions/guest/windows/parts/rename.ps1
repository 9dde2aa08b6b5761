# kind "rename".
function Test-RenameItem {
    param($Item)
    $there = Test-Place -File (Resolve-Text -Text $Item.path)
    Add-Found -Name $Item.path -Value $there
    return $there
}

function Set-RenameItem {
    param($Item)
    $old = Resolve-Text -Text $Item.path
    if ((Get-Item -LiteralPath $old -Force).Attributes -band [System.IO.FileAttributes]::ReparsePoint) {
        Deny-It -Why "$old is a link"
    }
    $new = $old + $Item.suffix
    $number = 1
    while (Test-Place -File $new) {
        $number += 1
        $new = $old + $Item.suffix + $number
    }
    Add-Record -Kind 'rename' -What $old -Before @{ moved_to = $new }
    Move-Item -LiteralPath $old -Destination $new
    Add-Changed -Kind 'rename' -What $old -Before $old -After $new
}

function Undo-RenameEntry {
    param($Entry)
    if (-not (Test-Place -File $Entry.before.moved_to)) { return }
    Move-Item -LiteralPath $Entry.before.moved_to -Destination $Entry.what
    Add-Changed -Kind 'rename' -What $Entry.what -Before $Entry.before.moved_to -After $Entry.what
}

function Confirm-RenameEntry {
    param($Entry)
    if ((Test-Place -File $Entry.what) -and (Test-Place -File $Entry.before.moved_to)) {
        Deny-It -Why "$($Entry.what) is there again; the old one is $($Entry.before.moved_to)"
    }
}

# Which of the files a program has loaded, empty when none: such a file cannot be opened for writing. Of a program that
# uses a version compiled ahead of time nothing can be seen.
function Get-LoadedFile {
    foreach ($item in @(Get-ActiveItem)) {
        $folder = Resolve-Text -Text $item.path
        foreach ($file in @(Get-ChildItem -LiteralPath $folder -Filter '*.dll' -Recurse -Force)) {
            try {
                $handle = [System.IO.File]::Open($file.FullName, 'Open', 'ReadWrite', 'None')
                [void]$handle.Close()
            } catch {
                return "$($file.FullName): $($_.Exception.Message)"
            }
        }
    }
    return ''
}

function Test-It { Test-Table }

function Set-It {
    Confirm-Table
    $loaded = Get-LoadedFile
    if ($loaded -ne '') { Deny-It -Why "a program is using it, or it cannot be told: $loaded" }
    Set-Table
}

function Undo-It { Undo-Table }

Invoke-GuestScript -Word "$args"

# kind "defender_exclusion".
function Test-DefenderExclusionItem {
    param($Item)
    $there = @((Get-MpPreference).ExclusionPath) -contains (Resolve-Text -Text $Item.path)
    Add-Found -Name "exclusion $($Item.path)" -Value $there
    return -not $there
}

function Set-DefenderExclusionItem {
    param($Item)
    $place = Resolve-Text -Text $Item.path
    Add-Record -Kind 'defender_exclusion' -What $place -Before @{ excluded = $false }
    Add-MpPreference -ExclusionPath $place
    Add-Changed -Kind 'defender_exclusion' -What $place -Before 'not excluded' -After 'excluded'
}

function Undo-DefenderExclusionEntry {
    param($Entry)
    Remove-MpPreference -ExclusionPath $Entry.what
    Add-Changed -Kind 'defender_exclusion' -What $Entry.what -Before 'excluded' -After 'not excluded'
}

# kind "acl": the access list of one folder, never of what is in it.
function Get-WantedAcl {
    param($Item)
    $acl = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    [void]$acl.SetAccessRuleProtection($true, $false)
    foreach ($rule in @($Item.rules)) {
        $who = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $rule.sid
        $rights = [System.Security.AccessControl.FileSystemRights](@($rule.rights) -join ', ')
        $one = New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $who, $rights, 'Allow'
        [void]$acl.AddAccessRule($one)
    }
    return $acl
}

function Get-AclText {
    param([string]$Folder)
    return [System.IO.Directory]::GetAccessControl($Folder, 'Access').GetSecurityDescriptorSddlForm('Access')
}

# Every rule as sid, rights, kind and inheritance, sorted: two lists with the same rules give the same text.
function Get-RuleText {
    param($Acl)
    $rules = @($Acl.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier]) | ForEach-Object -Process {
        "$($_.IdentityReference.Value) $([int]$_.FileSystemRights) $($_.AccessControlType) $($_.InheritanceFlags)"
    })
    return "$($Acl.AreAccessRulesProtected): " + (@($rules | Sort-Object) -join '; ')
}

function Test-AclItem {
    param($Item)
    $folder = Resolve-Text -Text $Item.path
    if (-not (Test-Place -File $folder)) { throw "there is no $folder" }
    Add-Found -Name $Item.path -Value (Get-AclText -Folder $folder)
    $now = Get-RuleText -Acl ([System.IO.Directory]::GetAccessControl($folder, 'Access'))
    return $now -ne (Get-RuleText -Acl (Get-WantedAcl -Item $Item))
}

function Set-AclItem {
    param($Item)
    $folder = Resolve-Text -Text $Item.path
    $before = Get-AclText -Folder $folder
    Add-Record -Kind 'acl' -What $folder -Before @{ sddl = $before }
    [void][System.IO.Directory]::SetAccessControl($folder, (Get-WantedAcl -Item $Item))
    Add-Changed -Kind 'acl' -What $folder -Before $before -After (Get-AclText -Folder $folder)
}

function Undo-AclEntry {
    param($Entry)
    $before = Get-AclText -Folder $Entry.what
    $acl = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    [void]$acl.SetSecurityDescriptorSddlForm($Entry.before.sddl, 'Access')
    [void][System.IO.Directory]::SetAccessControl($Entry.what, $acl)
    Add-Changed -Kind 'acl' -What $Entry.what -Before $before -After $Entry.before.sddl
}

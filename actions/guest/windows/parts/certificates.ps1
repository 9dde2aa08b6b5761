# kind "certificates": exactly these subjects.
function Find-Certificate {
    param($Item)
    foreach ($one in @(Get-ChildItem -LiteralPath $Item.store)) {
        if (@($Item.subjects) -contains $one.Subject) { $one }
    }
}

function Test-CertificatesItem {
    param($Item)
    $found = @(Find-Certificate -Item $Item | ForEach-Object -Process {
        "$($_.Thumbprint) until $($_.NotAfter.ToUniversalTime().ToString('yyyy-MM-dd'))"
    })
    Add-Found -Name 'certificates' -Value $found
    return $found.Count -gt 0
}

function Set-CertificatesItem {
    param($Item)
    foreach ($one in @(Find-Certificate -Item $Item)) {
        Open-Record
        $file = "$RecordFolder\was\$($one.Thumbprint).cer"
        [void][System.IO.File]::WriteAllBytes($file, $one.RawData)
        Add-Record -Kind 'certificates' -What $one.Thumbprint -Before @{ subject = $one.Subject; public_part = $file }
        Remove-Item -LiteralPath "$($Item.store)\$($one.Thumbprint)"
        Add-Changed -Kind 'certificates' -What "$($one.Subject) $($one.Thumbprint)" -Before $file -After ''
    }
}

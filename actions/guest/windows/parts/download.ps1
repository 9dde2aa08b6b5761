# kind "download": into the record's folder, from Microsoft, signed by the signer.
function Set-DownloadItem {
    param($Item)
    if ($Item.url -notmatch '^https://(go|download)\.microsoft\.com/' -or $Item.to -notmatch '^[A-Za-z0-9_-]+\.(msi|exe)$') {
        throw "not a documented download: $($Item.url) to $($Item.to)"
    }
    Open-Record
    $file = "$RecordFolder\$($Item.to)"
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -Uri $Item.url -OutFile $file -UseBasicParsing -TimeoutSec 300
    Confirm-Signer -File $file -Signer $Item.signer
    $State.Done["download $($Item.to)"] = $true
    Add-Changed -Kind 'download' -What $Item.url -Before '' -After $file
}

function Test-DownloadItem {
    param($Item)
    return -not $State.Done.ContainsKey("download $($Item.to)")
}

# Runbook for Azure Automation, PowerShell 5.1: the webhook that Microsoft supports, in front of the Python runbook.
#
# A webhook may start a PowerShell 5.1 runbook, and hands it the alert intact. This one looks whether it is an alert at
# all, and starts the Python runbook remediate_backup_alert with it as base64url, which nothing on the way can damage.
# It uses the managed identity of the account and no modules. The same delivery twice starts one job.
#
# Automation variables: REMEDIATE_ACCOUNT, the resource id of this Automation account; REMEDIATE_CLIENT_ID where the
# account works with a user-assigned identity. The identity needs Microsoft.Automation/automationAccounts/jobs/write
# and .../jobs/read on the account.
param(
    [Parameter(Mandatory = $false)]
    [object] $WebhookData
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$VerbosePreference = 'SilentlyContinue'

$Runbook = 'remediate_backup_alert'
$ApiVersion = '2024-10-23'
$LongestBody = 262144
$LongestParameter = 524288
$Attempts = 4

# Returns the body of the webhook's request. The test pane hands over a text instead of an object.
function Get-RequestBody {
    param([object] $Data)
    if ($null -eq $Data) {
        throw 'This runbook was started without webhook data. Start it by its webhook.'
    }
    $envelope = $Data
    if ($Data -is [string]) {
        $envelope = ConvertFrom-Json -InputObject $Data
    }
    $body = $null
    if (@($envelope.PSObject.Properties.Name) -contains 'RequestBody') {
        $body = $envelope.RequestBody
    }
    if (-not ($body -is [string]) -or $body.Trim().Length -eq 0) {
        throw 'The webhook data has no RequestBody. Nothing was started.'
    }
    return $body
}

# Throws unless the body is one JSON object of a sane length.
function Confirm-Body {
    param([string] $Body)
    if ([System.Text.Encoding]::UTF8.GetByteCount($Body) -gt $LongestBody) {
        throw 'The request body is longer than 256 KB, which no alert is. Nothing was started.'
    }
    if (-not $Body.TrimStart().StartsWith('{')) {
        throw 'The request body is no JSON object. Nothing was started.'
    }
    try {
        $parsed = ConvertFrom-Json -InputObject $Body
    }
    catch {
        throw 'The request body is no JSON. Nothing was started.'
    }
    if ($null -eq $parsed) {
        throw 'The request body is empty. Nothing was started.'
    }
}

# Returns a text as base64url without padding.
function ConvertTo-Base64Url {
    param([string] $Text)
    $encoded = [System.Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes($Text))
    return $encoded.TrimEnd('=').Replace('+', '-').Replace('/', '_')
}

# Returns a GUID that the same text always has, so that the same delivery twice is the same job.
function Get-JobName {
    param([string] $Text)
    $hasher = [System.Security.Cryptography.SHA256]::Create()
    try {
        $hash = $hasher.ComputeHash([System.Text.Encoding]::UTF8.GetBytes($Text))
    }
    finally {
        [void] $hasher.Dispose()
    }
    $hex = [System.BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()
    $parts = @($hex.Substring(0, 8), $hex.Substring(8, 4), "5$($hex.Substring(13, 3))", "a$($hex.Substring(17, 3))", $hex.Substring(20, 12))
    return $parts -join '-'
}

# Returns an Automation variable, or nothing where there is none.
function Get-Setting {
    param([string] $Name)
    try {
        return [string] (Get-AutomationVariable -Name $Name)
    }
    catch {
        return ''
    }
}

# Returns an access token for Resource Manager of the account's managed identity.
function Get-Token {
    if (-not $env:IDENTITY_ENDPOINT -or -not $env:IDENTITY_HEADER) {
        throw 'This Automation account has no managed identity. Turn it on.'
    }
    $address = "$($env:IDENTITY_ENDPOINT)?resource=https://management.azure.com/"
    $client = Get-Setting -Name 'REMEDIATE_CLIENT_ID'
    if ($client) {
        $address = "$address&client_id=$([System.Uri]::EscapeDataString($client))"
    }
    $headers = @{ 'X-IDENTITY-HEADER' = $env:IDENTITY_HEADER; 'Metadata' = 'True' }
    $answer = Invoke-RestMethod -Method 'Get' -Uri $address -Headers $headers -TimeoutSec 30
    return $answer.access_token
}

# Returns the status of an answer that was an error, or 0 where there was none.
function Get-Status {
    param([object] $Failure)
    $response = $null
    if (@($Failure.Exception.PSObject.Properties.Name) -contains 'Response') {
        $response = $Failure.Exception.Response
    }
    if ($null -eq $response) {
        return 0
    }
    return [int] $response.StatusCode
}

# Starts the Python runbook with one parameter. Says whether it was started now; it may have been started before.
function Start-PythonRunbook {
    param([string] $Account, [string] $Name, [string] $Value, [string] $Token)
    $address = "https://management.azure.com$Account/jobs/$($Name)?api-version=$ApiVersion"
    $job = @{ 'properties' = @{ 'runbook' = @{ 'name' = $Runbook }; 'parameters' = @{ '[PARAMETER 1]' = $Value } } }
    $body = ConvertTo-Json -InputObject $job -Depth 5 -Compress
    $headers = @{ 'Authorization' = "Bearer $Token" }
    for ($attempt = 1; $attempt -le $Attempts; $attempt++) {
        try {
            Invoke-RestMethod -Method 'Put' -Uri $address -Headers $headers -ContentType 'application/json' -Body $body -TimeoutSec 60 | Out-Null
            return $true
        }
        catch {
            $status = Get-Status -Failure $_
            if ($status -eq 409) {
                return $false
            }
            $again = ($status -eq 0) -or ($status -eq 429) -or ($status -ge 500)
            if (-not $again -or $attempt -eq $Attempts) {
                throw "The Python runbook could not be started (HTTP $status). The schedule of remediate_resume finds the failed job."
            }
            Start-Sleep -Seconds (5 * $attempt)
        }
    }
}

$Alert = Get-RequestBody -Data $WebhookData
Confirm-Body -Body $Alert
$Handed = ConvertTo-Base64Url -Text $Alert
if ($Handed.Length -gt $LongestParameter) {
    throw 'The alert is longer than a parameter of a job may be. Nothing was started.'
}
$AccountId = Get-Setting -Name 'REMEDIATE_ACCOUNT'
if ($AccountId -notmatch '^/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[-\w.()]{1,90}/providers/Microsoft\.Automation/automationAccounts/[A-Za-z0-9-]{1,50}\z') {
    throw 'The Automation variable REMEDIATE_ACCOUNT is not the resource id of an Automation account.'
}
$JobName = Get-JobName -Text $Alert
$AccessToken = Get-Token
if (Start-PythonRunbook -Account $AccountId -Name $JobName -Value $Handed -Token $AccessToken) {
    Write-Output -InputObject "Started $Runbook as job $JobName."
}
else {
    Write-Output -InputObject "Job $JobName was started before for the same alert. Nothing to do."
}

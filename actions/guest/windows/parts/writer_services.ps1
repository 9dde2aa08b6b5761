# kind "writer_services".
# The services to restart, and what is left alone and why.
function Get-WriterPlan {
    param($Item)
    $plan = @{ Services = @(); Unstable = @(); Left = @(); Busy = @() }
    foreach ($writer in @(Get-VssWriter)) {
        if ($writer.Stable) { continue }
        $plan.Unstable += $writer.Text
        if (@(2, 3, 4) -contains $writer.Number) { $plan.Busy += $writer.Name }
        $service = "$(Get-Field -Item $Item.services -Name $writer.Name -Default '')"
        if (@($Item.never) -contains $writer.Name -or $service -eq '' -or $null -eq (Find-Service -Name $service)) {
            $plan.Left += $writer.Name
        } elseif ($plan.Services -notcontains $service) {
            $plan.Services += $service
        }
    }
    return $plan
}

function Test-WriterServicesItem {
    param($Item)
    $plan = Get-WriterPlan -Item $Item
    Add-Found -Name 'writers' -Value $plan.Unstable
    Add-Found -Name 'restart' -Value $plan.Services
    Add-Found -Name 'left' -Value $plan.Left
    return $plan.Services.Count -gt 0
}

function Set-WriterServicesItem {
    param($Item)
    $plan = Get-WriterPlan -Item $Item
    $dependents = @(Get-Field -Item $Item -Name 'dependents' -Default @())
    if ($plan.Busy.Count -gt 0) { Deny-It -Why "a snapshot is being made: $($plan.Busy -join ', ')" }
    foreach ($name in $plan.Services) {
        if ((Get-ServiceSetup -Name $name).Start -eq 'Disabled') { Deny-It -Why "service $name is disabled" }
        $null = @(Find-Dependent -Name $name -Allowed $dependents)
    }
    foreach ($name in $plan.Services) { Restart-OneService -Name $name -Dependents $dependents }
    for ($try = 0; $try -lt 6; $try += 1) {
        if (@((Get-WriterPlan -Item $Item).Services).Count -eq 0) { return }
        Start-Sleep -Seconds 5
    }
}

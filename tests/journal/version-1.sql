PRAGMA user_version=1;
BEGIN TRANSACTION;
CREATE TABLE duties (run TEXT NOT NULL, lock TEXT NOT NULL, lock_id TEXT NOT NULL, body TEXT NOT NULL,
                     repaid INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run, lock)) WITHOUT ROWID;
INSERT INTO "duties" VALUES('open','/subscriptions/s/resourcegroups/azurebackuprg_1/providers/microsoft.authorization/locks/keep','/subscriptions/s/resourceGroups/AzureBackupRG_1/providers/Microsoft.Authorization/locks/Keep','{"properties": {"level": "ReadOnly", "notes": "\u00fc", "owners": [{"applicationId": "a"}]}}',0);
CREATE TABLE leases (vm TEXT PRIMARY KEY, owner TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "leases" VALUES('/subscriptions/s/resourcegroups/rg-web/providers/microsoft.compute/virtualmachines/web-01','elsewhere/1/2/n','2026-03-02T03:05:00+00:00');
CREATE TABLE records (run TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
                      data TEXT NOT NULL, PRIMARY KEY (run, sequence)) WITHOUT ROWID;
INSERT INTO "records" VALUES('open',1,'intent','2026-03-02T03:00:00+00:00','{"n": 1}');
INSERT INTO "records" VALUES('open',2,'accepted','2026-03-02T03:00:00+00:00','{"n": 2}');
INSERT INTO "records" VALUES('over',1,'verdict','2026-01-31T03:00:00+00:00','{"verdict": "Fixed"}');
CREATE TABLE runs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, vm TEXT NOT NULL, status TEXT NOT NULL,
                   data TEXT NOT NULL);
INSERT INTO "runs" VALUES('over',1,'/subscriptions/s/resourcegroups/rg-web/providers/microsoft.compute/virtualmachines/web-01','closed','{"id": "over", "endpoint": "https://management.azure.com", "vm_id": "/subscriptions/s/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01", "runbook": "Code", "arguments": {}, "steps": ["a", "b"], "started_at": "2026-01-31T03:00:00Z", "position": 2, "status": "closed", "verdict": "Fixed", "reason": "", "next_check_at": null, "consent": {"yes": false, "approved": []}}');
INSERT INTO "runs" VALUES('open',2,'/subscriptions/s/resourcegroups/rg-web/providers/microsoft.compute/virtualmachines/web-01','open','{"id": "open", "endpoint": "https://management.azure.com", "vm_id": "/subscriptions/s/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01", "runbook": "Code", "arguments": {}, "steps": ["a", "b"], "started_at": "2026-03-02T03:00:00Z", "position": 0, "status": "open", "verdict": "", "reason": "", "next_check_at": null, "consent": {"yes": false, "approved": []}}');
INSERT INTO "runs" VALUES('damaged',3,'/vm','closed','not JSON');
CREATE INDEX runs_by_number ON runs (number);
CREATE INDEX runs_by_vm ON runs (vm, number);
CREATE INDEX runs_by_status ON runs (status, vm);
COMMIT;

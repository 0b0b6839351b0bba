"""Backups on demand, and point-in-time recovery."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.dynamodb.console.tables import REFRESH_S, described, trail

A_PAGE = 50


async def show_all(visit: Visit) -> Page:
    return await _listed(visit, {}, "all_backups.html", "Backups", {})


async def show(visit: Visit) -> Page:
    table = await described(visit)
    name = table["TableName"]
    described_backups = await visit.invoke("DescribeContinuousBackups", {"TableName": name})
    recovery = described_backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    values = {"table": table, "here": "backups", "recovery": recovery}
    return await _listed(visit, {"TableName": name}, "backups.html", name, values, trail(visit))


async def _listed(visit: Visit, asked: dict, template: str, title: str, values: dict, above: tuple = ()) -> Page:
    asked = {**asked, "Limit": A_PAGE}
    if visit.query.get("from"):
        asked["ExclusiveStartBackupArn"] = visit.query["from"]
    answer = await visit.invoke("ListBackups", asked)
    last = answer.get("LastEvaluatedBackupArn", "")
    place = ("tables", visit.labels["table"], "backups") if "table" in visit.labels else ("backups",)
    found = {"backups": answer["BackupSummaries"], "more": visit.url(*place, **{"from": last}) if last else ""}
    is_busy = any(each["BackupStatus"] == "CREATING" for each in answer["BackupSummaries"])
    return Page(template, title, values | found, trail=above, refresh_s=REFRESH_S if is_busy and not visit.form else 0)


async def create(visit: Visit) -> Redirect:
    table, name = visit.labels["table"], visit.typed("name")
    await visit.invoke("CreateBackup", {"TableName": table, "BackupName": name})
    return Redirect(visit.url("tables", table, "backups"), f"The backup {name} is being made.")


async def set_recovery(visit: Visit) -> Redirect:
    is_on = visit.typed("enabled") == "true"
    recovery = {"PointInTimeRecoveryEnabled": is_on}
    asked = {"TableName": visit.labels["table"], "PointInTimeRecoverySpecification": recovery}
    await visit.invoke("UpdateContinuousBackups", asked)
    notice = f"Point-in-time recovery is {'on' if is_on else 'off'}."
    return Redirect(visit.url("tables", visit.labels["table"], "backups"), notice)


async def restore_to_time(visit: Visit) -> Redirect:
    """To the latest moment that can be restored, where no time is given."""
    asked = {"SourceTableName": visit.labels["table"], "TargetTableName": visit.typed("target")}
    if visit.typed("time"):
        asked["RestoreDateTime"] = visit.time("time")
    else:
        asked["UseLatestRestorableTime"] = True
    await visit.invoke("RestoreTableToPointInTime", asked)
    return Redirect(visit.url("tables", asked["TargetTableName"]), "The table is being restored.")


async def restore(visit: Visit) -> Redirect:
    asked = {"BackupArn": visit.typed("arn"), "TargetTableName": visit.typed("target")}
    await visit.invoke("RestoreTableFromBackup", asked)
    return Redirect(visit.url("tables", asked["TargetTableName"]), "The table is being restored.")


async def delete(visit: Visit) -> Redirect:
    visit.must_be(visit.typed("name"))
    await visit.invoke("DeleteBackup", {"BackupArn": visit.typed("arn")})
    return Redirect(visit.url("backups"), f"The backup {visit.typed('name')} is deleted.")

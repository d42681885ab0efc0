"""What commands take from their environment: settings, logs, and whose tenant they speak of."""

import os
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from laurel import logs, wiring
from laurel.catalogue_file import read_catalogue
from laurel.console import USAGE, UTC_ZONE, fail
from laurel.settings import Settings
from rules.keys import CredentialId, TenantId


def settings_from_environment() -> Settings:
    """Read the settings of this process, and set up its logs. Raises SettingsFaults."""
    settings = wiring.settings_of(os.environ)
    logs.set_up(settings.log_format, settings.log_level)
    return settings


def tenant_of(settings: Settings, named: str) -> TenantId:
    """The tenant that was named, or the only one of the configuration. Raises SettingsFaults and ConfigFaults."""
    if named:
        return TenantId(named)
    tenants = wiring.config_of(settings).tenants
    if len(tenants) != 1:
        fail(f"say whose it is with --tenant: {', '.join(tenant.id for tenant in tenants)}", USAGE)
    return tenants[0].id


def zone_of(settings: Settings, tenant: TenantId) -> ZoneInfo:
    """Where the days of a tenant's deadlines begin; UTC where no configuration names it. Raises ConfigFaults."""
    tenants = () if settings.config is None else wiring.config_of(settings).tenants
    return next((one.time_zone for one in tenants if one.id == tenant), UTC_ZONE)


def catalogue_ids(settings: Settings, tenant: TenantId) -> Sequence[CredentialId]:
    """The credentials of a tenant's catalogue file; none where no configuration is named. Raises FileFaults."""
    if settings.config is None:
        return ()
    found = next((one for one in wiring.config_of(settings).tenants if one.id == tenant), None)
    if found is None:
        return ()
    return [credential.id for credential in read_catalogue(found.catalogue, tenant, found.time_zone).credentials]

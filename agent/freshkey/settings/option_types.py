"""Types of options: what the field holds, and the function that parses it."""

from typing import Annotated

from freshkey.settings import urls, values
from freshkey.settings.vault_paths import mount_path, secret_path

Seconds = Annotated[float, values.duration]
PositiveSeconds = Annotated[float, values.positive_duration]
Mode = Annotated[int, values.mode]
Count = Annotated[int, values.count]
PositiveCount = Annotated[int, values.positive_count]
Account = Annotated[str, values.account]
Word = Annotated[str, values.word]
Name = Annotated[str, values.visible]
Text = Annotated[str, values.text]
VariableName = Annotated[str, values.variable_name]
SignalName = Annotated[str, values.signal_name]
Service = Annotated[str, values.service]
RenewAt = Annotated[float, values.renew_at]
Jitter = Annotated[float, values.jitter]
Region = Annotated[str, values.region]
SecretPath = Annotated[str, secret_path]
MountPath = Annotated[str, mount_path]
HostName = Annotated[str, urls.host_name]
VaultUrl = Annotated[str, urls.vault_url]
ExchangeUrl = Annotated[str, urls.exchange_url]
ApiUrl = Annotated[str, urls.api_url]
HostPort = Annotated[urls.HostPort, urls.host_port]
LoopbackPort = Annotated[urls.HostPort, urls.loopback_port]
ApiPath = Annotated[str, urls.api_path]

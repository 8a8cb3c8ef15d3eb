"""Built-in policies: the permissions of the gateway's own parts. A forbid in a policy file takes precedence."""

from typing import Final

from gateway.authz.sources import Policy, parse

_TEXT: Final = """
@id("keyway:poller")
permit (
  principal == Keyway::Caller::"keyway:poller",
  action in [
    Keyway::Action::"PollCertificates",
    Keyway::Action::"PollCertificate",
    Keyway::Action::"PollCertificateFile",
    Keyway::Action::"PollTrustedAuthorities",
    Keyway::Action::"PollTrustedAuthority"
  ],
  resource
);
"""

BUILT_IN: Final[tuple[Policy, ...]] = parse(_TEXT, "built-in")
"""The policies, which count in addition to those in files."""

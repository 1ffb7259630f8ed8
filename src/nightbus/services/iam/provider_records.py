"""Names the records of identity providers."""

from __future__ import annotations

OIDC_PROVIDER = "iam/oidc-provider"
SAML_PROVIDER = "iam/saml-provider"

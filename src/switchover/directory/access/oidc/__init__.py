"""Sign-in through an identity provider: OpenID Connect, code flow with PKCE.

``provider``, ``attempt``, ``id_token`` and ``groups`` are pure; ``work`` speaks to the provider and keeps
the accounts of whom it vouched for. Authlib and its joserfc do the protocol's sums; what is accepted is
decided here, because their defaults follow what the provider says about itself.
"""

from __future__ import annotations

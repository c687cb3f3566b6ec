"""Who may do what: one table of all routes, default-deny, decided on the raw path.

A route that is not in the table does not exist. `{name}` stands for one part of a path; a path that ends in
"/" takes all that follows.
"""

from typing import Final

PUBLIC: Final = frozenset({"public"})  # nobody has to say who they are
KEY: Final = frozenset({"key"})  # a client's key
ANYONE: Final = frozenset({"signed_in"})  # whoever has signed in, in no workspace yet
OPERATOR: Final = frozenset({"operator"})  # who runs the installation
OWNER: Final = frozenset({"owner"})
ADMIN: Final = frozenset({"owner", "admin"})
BUILD: Final = frozenset({"owner", "admin", "developer"})
MONEY: Final = frozenset({"owner", "billing"})
SPENDERS: Final = ADMIN | MONEY
MEMBERS: Final = frozenset({"owner", "admin", "developer", "viewer", "billing"})

Access = frozenset[str]

# method and path -> who. An operator may do all that an owner may, in every workspace.
TABLE: Final[dict[str, Access]] = {
    # the data plane: what clients call
    "POST /v1/chat/completions": KEY,
    "POST /v1/completions": KEY,
    "POST /v1/embeddings": KEY,
    "POST /v1/rerank": KEY,
    "POST /v2/rerank": KEY,
    "POST /v1/moderations": KEY,
    "POST /v1/images/generations": KEY,
    "POST /v1/images/edits": KEY,
    "POST /v1/audio/speech": KEY,
    "POST /v1/audio/transcriptions": KEY,
    "POST /v1/audio/translations": KEY,
    "POST /v1/messages": KEY,
    "POST /v1/messages/count_tokens": KEY,
    "POST /v1/responses": KEY,
    "POST /v1/responses/compact": KEY,
    "POST /v1/responses/input_tokens": KEY,
    "GET /v1/responses/": KEY,
    "POST /v1/responses/": KEY,
    "DELETE /v1/responses/": KEY,
    "GET /v1beta/models": KEY,
    "GET /v1beta/models/": KEY,
    "POST /v1beta/models/": KEY,
    "GET /v1/models": KEY,
    "GET /v1/models/": KEY,
    "POST /v1/models/": KEY,
    "GET /v1/credits": KEY,
    "GET /v1/key": KEY,
    "GET /v1/generation": KEY,
    "GET /openapi.json": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /api/v1/health/deployments": KEY,
    # people: sign-up, sign-in, members, management tokens, audit
    "POST /api/v1/signup": PUBLIC,
    "POST /api/v1/auth/sign-in": PUBLIC,
    "POST /api/v1/auth/sign-out": ANYONE,
    "GET /api/v1/auth/link/{code}": PUBLIC,
    "POST /api/v1/auth/forgot": PUBLIC,
    "POST /api/v1/auth/reset": PUBLIC,
    "POST /api/v1/auth/invitation": PUBLIC,
    "POST /api/v1/auth/invitation/look": PUBLIC,
    "GET /api/v1/auth/oidc": PUBLIC,
    "GET /api/v1/auth/oidc/{name}": PUBLIC,
    "GET /api/v1/auth/oidc/{name}/callback": PUBLIC,
    "GET /api/v1/me": ANYONE,
    "PATCH /api/v1/me": ANYONE,
    "PUT /api/v1/me/password": ANYONE,
    "GET /api/v1/me/sessions": ANYONE,
    "DELETE /api/v1/me/sessions": ANYONE,
    "DELETE /api/v1/me/sessions/{id}": ANYONE,
    "POST /api/v1/me/invitations": ANYONE,
    "POST /api/v1/me/verification": ANYONE,
    "PUT /api/v1/me/verification": ANYONE,
    "GET /api/v1/members": MEMBERS,
    "GET /api/v1/members/{id}": MEMBERS,
    "PATCH /api/v1/members/{id}": ADMIN,
    "DELETE /api/v1/members/{id}": MEMBERS,  # others an admin, oneself anybody
    "POST /api/v1/members/{id}/reset": ADMIN,
    "GET /api/v1/invitations": ADMIN,
    "POST /api/v1/invitations": ADMIN,
    "DELETE /api/v1/invitations/{id}": ADMIN,
    "GET /api/v1/tokens": ADMIN,
    "POST /api/v1/tokens": ADMIN,
    "DELETE /api/v1/tokens/{id}": ADMIN,
    "GET /api/v1/installation/tokens": OPERATOR,
    "POST /api/v1/installation/tokens": OPERATOR,
    "DELETE /api/v1/installation/tokens/{id}": OPERATOR,
    "GET /api/v1/installation/users": OPERATOR,
    "GET /api/v1/installation/users/{id}": OPERATOR,
    "PATCH /api/v1/installation/users/{id}": OPERATOR,
    "POST /api/v1/installation/users/{id}/reset": OPERATOR,
    "GET /api/v1/audit": ADMIN,
    "GET /api/v1/installation/audit": OPERATOR,
    # workspaces and projects
    "GET /api/v1/workspaces": ANYONE,
    "POST /api/v1/workspaces": OPERATOR,
    "GET /api/v1/workspaces/{id}": ANYONE,
    "PATCH /api/v1/workspaces/{id}": OWNER,  # its name; all else operators
    "POST /api/v1/workspaces/{id}/close": OPERATOR,
    "POST /api/v1/workspaces/{id}/open": OPERATOR,
    "GET /api/v1/projects": MEMBERS,
    "POST /api/v1/projects": ADMIN,
    "GET /api/v1/projects/{id}": MEMBERS,
    "PATCH /api/v1/projects/{id}": ADMIN,
    "POST /api/v1/projects/{id}/archive": ADMIN,
    "POST /api/v1/projects/{id}/restore": ADMIN,
    # keys, limits and budgets
    "GET /api/v1/keys": MEMBERS,
    "POST /api/v1/keys": BUILD,  # developers their own, in all that follows
    "GET /api/v1/keys/{id}": MEMBERS,
    "PATCH /api/v1/keys/{id}": BUILD,
    "DELETE /api/v1/keys/{id}": BUILD,
    "POST /api/v1/keys/{id}/rotate": BUILD,
    "POST /api/v1/keys/{id}/disable": BUILD,
    "POST /api/v1/keys/{id}/enable": BUILD,
    "GET /api/v1/limits": MEMBERS,
    "POST /api/v1/limits": ADMIN,
    "GET /api/v1/limits/{id}": MEMBERS,
    "PATCH /api/v1/limits/{id}": ADMIN,
    "DELETE /api/v1/limits/{id}": ADMIN,
    "GET /api/v1/budgets": MEMBERS,
    "POST /api/v1/budgets": SPENDERS,
    "GET /api/v1/budgets/{id}": MEMBERS,
    "PATCH /api/v1/budgets/{id}": SPENDERS,
    "DELETE /api/v1/budgets/{id}": SPENDERS,
    # credentials
    "GET /api/v1/credentials": ADMIN,
    "POST /api/v1/credentials": ADMIN,
    "GET /api/v1/credentials/{id}": ADMIN,
    "PATCH /api/v1/credentials/{id}": ADMIN,
    "DELETE /api/v1/credentials/{id}": ADMIN,
    "POST /api/v1/credentials/{id}/confirm": ADMIN,
    "POST /api/v1/credentials/{id}/test": ADMIN,
    "GET /api/v1/installation/credentials": OPERATOR,
    "POST /api/v1/installation/credentials": OPERATOR,
    "GET /api/v1/installation/credentials/{id}": OPERATOR,
    "PATCH /api/v1/installation/credentials/{id}": OPERATOR,
    "DELETE /api/v1/installation/credentials/{id}": OPERATOR,
    "POST /api/v1/installation/credentials/{id}/confirm": OPERATOR,
    "POST /api/v1/installation/credentials/{id}/test": OPERATOR,
    # ledger, vouchers, payments, invoices
    "GET /api/v1/ledger": MONEY,
    "GET /api/v1/credits": MEMBERS,
    "POST /api/v1/credits/topup": OPERATOR,
    "POST /api/v1/credits/grant": OPERATOR,
    "POST /api/v1/credits/adjust": OPERATOR,
    "POST /api/v1/credits/refund": OPERATOR,
    "GET /api/v1/vouchers": OPERATOR,
    "POST /api/v1/vouchers": OPERATOR,
    "DELETE /api/v1/vouchers/{id}": OPERATOR,
    "POST /api/v1/vouchers/redeem": MONEY,
    "POST /api/v1/billing/checkout": MONEY,
    "GET /api/v1/billing/payments": MONEY,
    "GET /api/v1/billing/topup": MONEY,
    "PUT /api/v1/billing/topup": MONEY,
    "DELETE /api/v1/billing/topup": MONEY,
    "PUT /api/v1/billing/low-balance": MONEY,
    "POST /api/v1/stripe/webhook": PUBLIC,  # signed
    "GET /api/v1/invoices": MONEY,
    "GET /api/v1/invoices/{month}": MONEY,
    "GET /api/v1/alerts": MEMBERS,
    "POST /api/v1/alerts/{id}/seen": ADMIN | MONEY,
    # usage
    "GET /api/v1/usage": MEMBERS,
    "GET /api/v1/usage/calls": MEMBERS,
    "GET /api/v1/usage/calls/{id}": MEMBERS,
    "GET /api/v1/usage/calls/{id}/body": ADMIN,
}

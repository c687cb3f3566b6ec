CREATE TABLE calls (
    id VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    at BIGINT NOT NULL,
    workspace VARCHAR NOT NULL,
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    member VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    surface VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    asked VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    stream BOOLEAN NOT NULL,
    outcome VARCHAR NOT NULL,
    error_type VARCHAR NOT NULL,
    finish VARCHAR NOT NULL,
    cost_nano BIGINT,
    charged_nano BIGINT,
    price VARCHAR NOT NULL,
    byok BOOLEAN NOT NULL,
    held_nano BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    ttft_ms BIGINT,
    overhead_us BIGINT NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    image_out BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    tries INTEGER NOT NULL,
    tags TEXT NOT NULL,
    attempts TEXT NOT NULL,
    CONSTRAINT pk_calls PRIMARY KEY (id, day)
);
CREATE INDEX ix_calls_workspace_at ON calls (workspace, at);
CREATE TABLE responses (
    owner VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    previous VARCHAR NOT NULL,
    process VARCHAR NOT NULL,
    created BIGINT NOT NULL,
    size BIGINT NOT NULL,
    response BLOB NOT NULL,
    input BLOB NOT NULL,
    CONSTRAINT pk_responses PRIMARY KEY (owner, id)
);
CREATE INDEX ix_responses_created ON responses (created);
CREATE INDEX ix_responses_owner_created ON responses (owner, created);
CREATE TABLE purses (
    "key" VARCHAR NOT NULL,
    spent BIGINT DEFAULT '0' NOT NULL,
    until BIGINT,
    CONSTRAINT pk_purses PRIMARY KEY ("key")
);
CREATE INDEX ix_purses_until ON purses (until);
CREATE TABLE accounts (
    workspace VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    nano BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (workspace, account)
);
CREATE TABLE entries (
    id INTEGER NOT NULL,
    workspace VARCHAR NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    debit VARCHAR NOT NULL,
    credit VARCHAR NOT NULL,
    nano BIGINT NOT NULL,
    call VARCHAR,
    ref VARCHAR,
    price VARCHAR,
    "by" TEXT DEFAULT '' NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_entries PRIMARY KEY (id)
);
CREATE INDEX ix_entries_call ON entries (call);
CREATE INDEX ix_entries_workspace_at ON entries (workspace, at);
CREATE UNIQUE INDEX ix_entries_ref ON entries (ref) WHERE ref IS NOT NULL;
CREATE TABLE prices (
    id VARCHAR NOT NULL,
    data JSON NOT NULL,
    first BIGINT NOT NULL,
    CONSTRAINT pk_prices PRIMARY KEY (id)
);
CREATE TABLE vouchers (
    id VARCHAR NOT NULL,
    hash VARCHAR NOT NULL,
    shown VARCHAR NOT NULL,
    nano BIGINT NOT NULL,
    uses BIGINT DEFAULT '1' NOT NULL,
    expires BIGINT,
    credit_days BIGINT,
    "by" TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    CONSTRAINT pk_vouchers PRIMARY KEY (id),
    CONSTRAINT uq_vouchers_hash UNIQUE (hash)
);
CREATE TABLE webhooks (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
CREATE TABLE workspaces (
    id VARCHAR NOT NULL,
    name TEXT NOT NULL,
    slug VARCHAR NOT NULL,
    "plan" VARCHAR DEFAULT 'unmetered' NOT NULL,
    credit_line_nano BIGINT DEFAULT '0' NOT NULL,
    markup_ppm BIGINT DEFAULT '1000000' NOT NULL,
    low_nano BIGINT,
    topup JSON,
    created BIGINT NOT NULL,
    closed BIGINT,
    managed BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id),
    CONSTRAINT uq_workspaces_slug UNIQUE (slug)
);
CREATE TABLE users (
    id VARCHAR NOT NULL,
    email VARCHAR NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    password TEXT,
    verified BIGINT,
    operator BOOLEAN DEFAULT 0 NOT NULL,
    disabled BOOLEAN DEFAULT 0 NOT NULL,
    external_id VARCHAR,
    created BIGINT NOT NULL,
    signed_in BIGINT,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT uq_users_external_id UNIQUE (external_id)
);
CREATE TABLE hourly (
    workspace VARCHAR NOT NULL,
    hour INTEGER NOT NULL,
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    member VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_hourly PRIMARY KEY (workspace, hour, project, "key", member, model, provider)
)
 WITHOUT ROWID;
CREATE TABLE hourly_keys (
    workspace VARCHAR NOT NULL,
    hour INTEGER NOT NULL,
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    member VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_hourly_keys PRIMARY KEY (workspace, hour, project, "key", member)
)
 WITHOUT ROWID;
CREATE TABLE hourly_models (
    workspace VARCHAR NOT NULL,
    hour INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_hourly_models PRIMARY KEY (workspace, hour, model, provider)
)
 WITHOUT ROWID;
CREATE TABLE daily (
    workspace VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    member VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_daily PRIMARY KEY (workspace, day, project, "key", member, model, provider)
)
 WITHOUT ROWID;
CREATE TABLE daily_keys (
    workspace VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    member VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_daily_keys PRIMARY KEY (workspace, day, project, "key", member)
)
 WITHOUT ROWID;
CREATE TABLE daily_models (
    workspace VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    provider VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_daily_models PRIMARY KEY (workspace, day, model, provider)
)
 WITHOUT ROWID;
CREATE TABLE tagged (
    workspace VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    tag VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_tagged PRIMARY KEY (workspace, day, tag, value)
)
 WITHOUT ROWID;
CREATE TABLE ended (
    workspace VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    user VARCHAR NOT NULL,
    calls BIGINT DEFAULT '0' NOT NULL,
    errors BIGINT DEFAULT '0' NOT NULL,
    streams BIGINT DEFAULT '0' NOT NULL,
    tries BIGINT DEFAULT '0' NOT NULL,
    estimated BIGINT DEFAULT '0' NOT NULL,
    unpriced BIGINT DEFAULT '0' NOT NULL,
    tokens_in BIGINT DEFAULT '0' NOT NULL,
    tokens_out BIGINT DEFAULT '0' NOT NULL,
    cached BIGINT DEFAULT '0' NOT NULL,
    reasoning BIGINT DEFAULT '0' NOT NULL,
    cost_nano BIGINT DEFAULT '0' NOT NULL,
    charged_nano BIGINT DEFAULT '0' NOT NULL,
    duration_ms BIGINT DEFAULT '0' NOT NULL,
    ttft_ms BIGINT DEFAULT '0' NOT NULL,
    ttfts BIGINT DEFAULT '0' NOT NULL,
    overhead_us BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_ended PRIMARY KEY (workspace, day, user)
)
 WITHOUT ROWID;
CREATE TABLE holds (
    id VARCHAR NOT NULL,
    journal VARCHAR NOT NULL,
    at BIGINT NOT NULL,
    data TEXT NOT NULL,
    nano BIGINT DEFAULT '0' NOT NULL,
    ended BIGINT,
    CONSTRAINT pk_holds PRIMARY KEY (id)
);
CREATE INDEX ix_holds_journal ON holds (journal);
CREATE TABLE journals (
    id VARCHAR NOT NULL,
    host TEXT DEFAULT '' NOT NULL,
    pid BIGINT NOT NULL,
    started BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    applied BIGINT DEFAULT '0' NOT NULL,
    ended BIGINT,
    CONSTRAINT pk_journals PRIMARY KEY (id)
);
CREATE TABLE audit (
    id INTEGER NOT NULL,
    at BIGINT NOT NULL,
    workspace VARCHAR,
    actor_kind VARCHAR NOT NULL,
    actor TEXT DEFAULT '' NOT NULL,
    actor_name TEXT DEFAULT '' NOT NULL,
    action VARCHAR NOT NULL,
    target TEXT DEFAULT '' NOT NULL,
    "before" JSON,
    "after" JSON,
    address TEXT DEFAULT '' NOT NULL,
    request_id TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);
CREATE INDEX ix_audit_workspace_at ON audit (workspace, at);
CREATE TABLE changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    "table" VARCHAR NOT NULL,
    "row" VARCHAR NOT NULL
);
CREATE TABLE facts (
    name VARCHAR NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_facts PRIMARY KEY (name)
);
CREATE TABLE response_items (
    owner VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    response VARCHAR NOT NULL,
    CONSTRAINT pk_response_items PRIMARY KEY (owner, id),
    CONSTRAINT fk_response_items_owner_response FOREIGN KEY(owner, response) REFERENCES responses (owner, id) ON DELETE CASCADE
);
CREATE INDEX ix_response_items_owner_response ON response_items (owner, response);
CREATE TABLE credentials (
    id VARCHAR NOT NULL,
    workspace VARCHAR,
    provider VARCHAR NOT NULL,
    name TEXT NOT NULL,
    host VARCHAR NOT NULL,
    sealed BLOB NOT NULL,
    master VARCHAR NOT NULL,
    shown VARCHAR NOT NULL,
    weight_ppm BIGINT DEFAULT '1000000' NOT NULL,
    fallback BOOLEAN DEFAULT 1 NOT NULL,
    disabled BOOLEAN DEFAULT 0 NOT NULL,
    "by" TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT,
    CONSTRAINT pk_credentials PRIMARY KEY (id),
    CONSTRAINT fk_credentials_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE INDEX ix_credentials_workspace ON credentials (workspace);
CREATE TABLE limits (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    model TEXT DEFAULT '' NOT NULL,
    rpm BIGINT,
    tpm BIGINT,
    tpm_in BIGINT,
    tpm_out BIGINT,
    rpd BIGINT,
    tpd BIGINT,
    concurrency BIGINT,
    max_call_nano BIGINT,
    tz VARCHAR DEFAULT 'UTC' NOT NULL,
    created BIGINT NOT NULL,
    managed BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_limits PRIMARY KEY (id),
    CONSTRAINT fk_limits_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE INDEX ix_limits_workspace ON limits (workspace);
CREATE TABLE budgets (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    model TEXT DEFAULT '' NOT NULL,
    nano BIGINT NOT NULL,
    window VARCHAR NOT NULL,
    tz VARCHAR DEFAULT 'UTC' NOT NULL,
    hard BOOLEAN DEFAULT 1 NOT NULL,
    alerts JSON DEFAULT '[80, 100]' NOT NULL,
    created BIGINT NOT NULL,
    managed BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_budgets PRIMARY KEY (id),
    CONSTRAINT fk_budgets_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE INDEX ix_budgets_workspace ON budgets (workspace);
CREATE TABLE grants (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    nano BIGINT NOT NULL,
    left_nano BIGINT NOT NULL,
    expires BIGINT,
    note TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (id),
    CONSTRAINT fk_grants_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE INDEX ix_grants_workspace ON grants (workspace);
CREATE TABLE redemptions (
    voucher VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_redemptions PRIMARY KEY (voucher, workspace),
    CONSTRAINT fk_redemptions_voucher FOREIGN KEY(voucher) REFERENCES vouchers (id),
    CONSTRAINT fk_redemptions_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE TABLE payments (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    method VARCHAR NOT NULL,
    session VARCHAR,
    intent VARCHAR,
    nano BIGINT NOT NULL,
    returned_nano BIGINT DEFAULT '0' NOT NULL,
    state VARCHAR NOT NULL,
    automatic BOOLEAN DEFAULT 0 NOT NULL,
    "by" TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT,
    CONSTRAINT pk_payments PRIMARY KEY (id),
    CONSTRAINT fk_payments_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT uq_payments_session UNIQUE (session),
    CONSTRAINT uq_payments_intent UNIQUE (intent)
);
CREATE INDEX ix_payments_workspace ON payments (workspace);
CREATE TABLE identities (
    issuer VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    created BIGINT NOT NULL,
    CONSTRAINT pk_identities PRIMARY KEY (issuer, subject),
    CONSTRAINT fk_identities_user FOREIGN KEY(user) REFERENCES users (id)
);
CREATE INDEX ix_identities_user ON identities (user);
CREATE TABLE members (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    external_id VARCHAR,
    created BIGINT NOT NULL,
    CONSTRAINT pk_members PRIMARY KEY (id),
    CONSTRAINT uq_members_workspace_user UNIQUE (workspace, user),
    CONSTRAINT fk_members_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT fk_members_user FOREIGN KEY(user) REFERENCES users (id)
);
CREATE INDEX ix_members_user ON members (user);
CREATE INDEX ix_members_workspace ON members (workspace);
CREATE TABLE invitations (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    email VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    hash VARCHAR NOT NULL,
    "by" TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    accepted BIGINT,
    CONSTRAINT pk_invitations PRIMARY KEY (id),
    CONSTRAINT fk_invitations_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT uq_invitations_hash UNIQUE (hash)
);
CREATE INDEX ix_invitations_workspace ON invitations (workspace);
CREATE TABLE sessions (
    hash VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    address TEXT DEFAULT '' NOT NULL,
    agent TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_sessions PRIMARY KEY (hash),
    CONSTRAINT fk_sessions_user FOREIGN KEY(user) REFERENCES users (id)
);
CREATE INDEX ix_sessions_user ON sessions (user);
CREATE TABLE links (
    hash VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    user VARCHAR NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT,
    CONSTRAINT pk_links PRIMARY KEY (hash),
    CONSTRAINT fk_links_user FOREIGN KEY(user) REFERENCES users (id)
);
CREATE TABLE tokens (
    id VARCHAR NOT NULL,
    workspace VARCHAR,
    name TEXT NOT NULL,
    role VARCHAR NOT NULL,
    hash VARCHAR NOT NULL,
    shown VARCHAR NOT NULL,
    "by" TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    used BIGINT,
    CONSTRAINT pk_tokens PRIMARY KEY (id),
    CONSTRAINT fk_tokens_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT uq_tokens_hash UNIQUE (hash)
);
CREATE INDEX ix_tokens_workspace ON tokens (workspace);
CREATE TABLE projects (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    route TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    archived BIGINT,
    managed BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_projects PRIMARY KEY (id),
    CONSTRAINT uq_projects_workspace_name UNIQUE (workspace, name),
    CONSTRAINT fk_projects_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id)
);
CREATE INDEX ix_projects_workspace ON projects (workspace);
CREATE TABLE alerts (
    id INTEGER NOT NULL,
    workspace VARCHAR NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    ref VARCHAR NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    seen BIGINT,
    told BIGINT,
    CONSTRAINT pk_alerts PRIMARY KEY (id),
    CONSTRAINT fk_alerts_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT uq_alerts_ref UNIQUE (ref)
);
CREATE INDEX ix_alerts_workspace ON alerts (workspace);
CREATE TABLE keys (
    id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    project VARCHAR,
    member VARCHAR,
    name TEXT NOT NULL,
    shown VARCHAR NOT NULL,
    hash VARCHAR NOT NULL,
    policy JSON DEFAULT '{}' NOT NULL,
    labels JSON DEFAULT '{}' NOT NULL,
    route TEXT DEFAULT '' NOT NULL,
    created BIGINT NOT NULL,
    "by" TEXT DEFAULT '' NOT NULL,
    expires BIGINT,
    disabled BOOLEAN DEFAULT 0 NOT NULL,
    revoked BIGINT,
    next VARCHAR,
    used BIGINT,
    managed BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_keys PRIMARY KEY (id),
    CONSTRAINT fk_keys_workspace FOREIGN KEY(workspace) REFERENCES workspaces (id),
    CONSTRAINT fk_keys_project FOREIGN KEY(project) REFERENCES projects (id),
    CONSTRAINT uq_keys_hash UNIQUE (hash)
);
CREATE INDEX ix_keys_member ON keys (member);
CREATE INDEX ix_keys_project ON keys (project);
CREATE INDEX ix_keys_workspace ON keys (workspace);
CREATE INDEX ix_keys_workspace_created_id ON keys (workspace, created, id);

-- The audit log is read newest first, by what it is filtered by: nothing, what was done, who did it, and
-- what it was about. Who did something, or what was done to something, is looked for deed by deed, so that
-- one deed among very many others is found at once. The tenant is the upper bits of the key.
CREATE INDEX audit_at ON audit (key >> 40, at);
CREATE INDEX audit_deed ON audit (key >> 40, deed, at);
CREATE INDEX audit_app ON audit (key >> 40, app, deed, at);
CREATE INDEX audit_about ON audit (key >> 40, about_kind, about, deed, at)
    WHERE about IS NOT NULL;

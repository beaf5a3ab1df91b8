package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	adminKeysPath  = "/organization/admin_api_keys"
	createAttempts = 3
)

// configRotate replaces the admin key: create a new one, list the keys with it to see that it
// works, store it, delete the old one. Creating it is the only call that this engine repeats.
func (b *backend) configRotate(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	cfg, err := load[config](ctx, req.Storage, configKey)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		return nil, errNotConfigured
	}
	upstream := &client{b.upstream, cfg.APIEndpoint, cfg.AdminAPIKey, cfg.OrganizationID}
	var made struct{ ID, Value string }
	if err := upstream.createAdminKey(ctx, &made); err != nil {
		return nil, fmt.Errorf("error creating new admin key: %w", err)
	}
	if made.ID == "" || made.Value == "" {
		return nil, fmt.Errorf("admin API key or ID not returned in response")
	}
	upstream.adminKey = made.Value
	if err := upstream.call(ctx, http.MethodGet, adminKeysPath, nil, nil); err != nil {
		return nil, fmt.Errorf("new admin key failed validation: %w", err)
	}
	oldID := cfg.AdminAPIKeyID
	cfg.AdminAPIKey, cfg.AdminAPIKeyID = made.Value, made.ID
	if err := store(ctx, req.Storage, configKey, cfg); err != nil {
		return nil, err
	}
	if err := upstream.call(ctx, http.MethodDelete, adminKeysPath+"/"+oldID, nil, nil); err != nil {
		return nil, fmt.Errorf("error revoking admin API key: %w", err)
	}
	return &logical.Response{Data: map[string]any{
		"admin_api_key_id": made.ID,
		"rotated_time":     time.Now().UTC().Format(time.RFC3339),
	}}, nil
}

// createAdminKey tries three times, waiting 1 s and then 4 s.
func (c *client) createAdminKey(ctx context.Context, made any) error {
	for attempt := 1; ; attempt++ {
		name := map[string]string{"name": "vault-admin-key-" + randomSuffix()}
		err := c.call(ctx, http.MethodPost, adminKeysPath, name, made)
		if err == nil || attempt == createAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(attempt*attempt) * time.Second):
		}
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

func (b *backend) credsPaths() []*framework.Path {
	return []*framework.Path{{
		Pattern: "creds/" + framework.GenericNameRegex("name"),
		Fields: map[string]*framework.FieldSchema{
			"name": {Type: framework.TypeString},
			"ttl":  {Type: framework.TypeDurationSecond},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{Callback: b.mint},
		},
	}}
}

// mint is a read that creates a service account with its key. Vault cancels the context when the
// client hangs up; what OpenAI has made by then stays, without a lease.
func (b *backend) mint(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	name := data.Get("name").(string)
	entry, err := load[role](ctx, req.Storage, rolePrefix+name)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return logical.ErrorResponse("role %q does not exist", name), nil
	}
	upstream, err := b.configured(ctx, req.Storage)
	if err != nil {
		return nil, fmt.Errorf("error validating project: %w", err)
	}
	found, err := upstream.project(ctx, entry.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("error validating project: %w", err)
	}
	account, err := accountName(entry.Template, name, randomSuffix(), found.Name)
	if err != nil {
		return nil, err
	}
	made, err := upstream.createAccount(ctx, found.ID, account)
	if err != nil {
		return nil, err
	}

	secret := b.fixedSecret()
	if entry.Renewable {
		secret = b.renewableSecret()
	}
	resp := secret.Response(map[string]any{
		"api_key":            made.APIKey.Value,
		"api_key_id":         made.APIKey.ID,
		"service_account":    made.Name,
		"service_account_id": made.ID,
	}, map[string]any{
		"role":               name,
		"project_id":         found.ID,
		"service_account_id": made.ID,
	})
	resp.Secret.TTL = entry.TTL
	resp.Secret.MaxTTL = entry.MaxTTL
	// A ttl of max_ttl or more is ignored without a word.
	if given, ok := data.GetOk("ttl"); ok {
		if ttl := time.Duration(given.(int)) * time.Second; ttl > 0 && ttl < entry.MaxTTL {
			resp.Secret.TTL = ttl
		}
	}
	return resp, nil
}

// fixedSecret is what the public engine gives: without a renew handler the SDK marks the lease as
// not renewable.
func (b *backend) fixedSecret() *framework.Secret {
	return &framework.Secret{Type: "openai_api_key", Revoke: b.revoke}
}

func (b *backend) renewableSecret() *framework.Secret {
	return &framework.Secret{Type: "openai_api_key_renewable", Renew: b.renew, Revoke: b.revoke}
}

// renew offers the role's ttl, bounded by its max_ttl; Vault grants what the client asked for
// within these.
func (b *backend) renew(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	name, _ := req.Secret.InternalData["role"].(string)
	entry, err := load[role](ctx, req.Storage, rolePrefix+name)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return logical.ErrorResponse("role %q does not exist", name), nil
	}
	resp := &logical.Response{Secret: req.Secret}
	resp.Secret.TTL = entry.TTL
	resp.Secret.MaxTTL = entry.MaxTTL
	return resp, nil
}

// revoke deletes the service account. An account that is gone already (404) is an error too, as
// any refusal is.
func (b *backend) revoke(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	upstream, err := b.configured(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	project, _ := req.Secret.InternalData["project_id"].(string)
	account, _ := req.Secret.InternalData["service_account_id"].(string)
	if project == "" || account == "" {
		return nil, fmt.Errorf("internal error: project_id or service_account_id missing in lease")
	}
	return nil, upstream.deleteAccount(ctx, project, account)
}

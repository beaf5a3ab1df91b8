package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/automatedrotationutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/rotation"
)

const (
	configKey       = "config"
	defaultEndpoint = "https://api.openai.com/v1"
)

var errNotConfigured = errors.New("OpenAI is not configured")

type config struct {
	AdminAPIKey    string `json:"admin_api_key"`
	AdminAPIKeyID  string `json:"admin_api_key_id"`
	OrganizationID string `json:"organization_id"`
	APIEndpoint    string `json:"api_endpoint"`
	automatedrotationutil.AutomatedRotationParams
}

func (b *backend) configPaths() []*framework.Path {
	fields := map[string]*framework.FieldSchema{
		"admin_api_key": {
			Type:         framework.TypeString,
			DisplayAttrs: &framework.DisplayAttributes{Sensitive: true},
		},
		"admin_api_key_id": {Type: framework.TypeString},
		"organization_id":  {Type: framework.TypeString},
		"api_endpoint":     {Type: framework.TypeString, Description: "Without a trailing slash."},
	}
	automatedrotationutil.AddAutomatedRotationFields(fields)
	return []*framework.Path{
		{
			Pattern: "config/rotate",
			Operations: map[logical.Operation]framework.OperationHandler{
				logical.UpdateOperation: &framework.PathOperation{Callback: b.configRotate},
			},
		},
		{
			Pattern: configKey,
			Fields:  fields,
			Operations: map[logical.Operation]framework.OperationHandler{
				logical.ReadOperation:   &framework.PathOperation{Callback: b.configRead},
				logical.UpdateOperation: &framework.PathOperation{Callback: b.configWrite},
				logical.DeleteOperation: &framework.PathOperation{Callback: b.configDelete},
			},
		},
	}
}

// configRead answers with everything but the admin key.
func (b *backend) configRead(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	cfg, err := load[config](ctx, req.Storage, configKey)
	if err != nil || cfg == nil {
		return nil, err
	}
	data := map[string]any{
		"admin_api_key_id": cfg.AdminAPIKeyID,
		"organization_id":  cfg.OrganizationID,
		"api_endpoint":     cfg.APIEndpoint,
	}
	cfg.PopulateAutomatedRotationData(data)
	return &logical.Response{Data: data}, nil
}

// configWrite stores the configuration; it makes no call to OpenAI.
func (b *backend) configWrite(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	cfg, err := load[config](ctx, req.Storage, configKey)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		cfg = &config{APIEndpoint: defaultEndpoint}
	}
	settings := map[string]*string{
		"admin_api_key":    &cfg.AdminAPIKey,
		"admin_api_key_id": &cfg.AdminAPIKeyID,
		"organization_id":  &cfg.OrganizationID,
		"api_endpoint":     &cfg.APIEndpoint,
	}
	for _, name := range []string{
		"admin_api_key", "admin_api_key_id", "organization_id", "api_endpoint",
	} {
		if value, given := data.GetOk(name); given {
			*settings[name] = value.(string)
		}
		if *settings[name] == "" {
			return logical.ErrorResponse("%s is required", name), nil
		}
	}
	if err := checkEndpoint(cfg.APIEndpoint); err != nil {
		return logical.ErrorResponse("%s", err), nil
	}
	if err := cfg.ParseAutomatedRotationFields(data); err != nil {
		return logical.ErrorResponse("%s", err), nil
	}
	if cfg.ShouldRegisterRotationJob() {
		// Vault's community edition has no rotation manager and says so here.
		_, err := b.System().RegisterRotationJob(ctx, &rotation.RotationJobConfigureRequest{
			MountPoint:       req.MountPoint,
			ReqPath:          req.Path,
			RotationSchedule: cfg.RotationSchedule,
			RotationWindow:   cfg.RotationWindow,
			RotationPeriod:   cfg.RotationPeriod,
		})
		if err != nil {
			return logical.ErrorResponse("error registering rotation job: %s", err), nil
		}
	}
	return nil, store(ctx, req.Storage, configKey, cfg)
}

func (b *backend) configDelete(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	return nil, req.Storage.Delete(ctx, configKey)
}

// checkEndpoint accepts a plain http or https URL: no user, query, or fragment.
func checkEndpoint(raw string) error {
	endpoint, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("api_endpoint is not a valid URL: %w", err)
	}
	if endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return fmt.Errorf("api_endpoint must use http or https (got %q)", endpoint.Scheme)
	}
	if endpoint.Host == "" {
		return errors.New("api_endpoint must include a host")
	}
	if endpoint.User != nil || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return errors.New("api_endpoint must have no user, query, or fragment")
	}
	return nil
}

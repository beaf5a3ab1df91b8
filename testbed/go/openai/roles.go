package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const rolePrefix = "roles/"

type role struct {
	ProjectID string        `json:"project_id"`
	Template  string        `json:"service_account_name_template"`
	TTL       time.Duration `json:"ttl"`
	MaxTTL    time.Duration `json:"max_ttl"`
	Renewable bool          `json:"renewable"`
}

func (b *backend) rolePaths() []*framework.Path {
	return []*framework.Path{
		{
			Pattern: rolePrefix + "?$",
			Operations: map[logical.Operation]framework.OperationHandler{
				logical.ListOperation: &framework.PathOperation{Callback: b.roleList},
			},
		},
		{
			Pattern: rolePrefix + framework.GenericNameRegex("name"),
			Fields: map[string]*framework.FieldSchema{
				"name":                          {Type: framework.TypeString},
				"project_id":                    {Type: framework.TypeString},
				"service_account_name_template": {Type: framework.TypeString},
				"ttl":                           {Type: framework.TypeDurationSecond},
				"max_ttl":                       {Type: framework.TypeDurationSecond},
				"renewable": {
					Type:        framework.TypeBool,
					Description: "Leases can be renewed until max_ttl. Not in the public engine.",
				},
			},
			Operations: map[logical.Operation]framework.OperationHandler{
				logical.ReadOperation:   &framework.PathOperation{Callback: b.roleRead},
				logical.UpdateOperation: &framework.PathOperation{Callback: b.roleWrite},
				logical.DeleteOperation: &framework.PathOperation{Callback: b.roleDelete},
			},
		},
	}
}

func (b *backend) roleList(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	names, err := req.Storage.List(ctx, rolePrefix)
	return logical.ListResponse(names), err
}

func (b *backend) roleRead(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	found, err := load[role](ctx, req.Storage, rolePrefix+data.Get("name").(string))
	if err != nil || found == nil {
		return nil, err
	}
	return &logical.Response{Data: map[string]any{
		"project_id":                    found.ProjectID,
		"service_account_name_template": found.Template,
		"ttl":                           int64(found.TTL.Seconds()),
		"max_ttl":                       int64(found.MaxTTL.Seconds()),
		"renewable":                     found.Renewable,
	}}, nil
}

// roleWrite creates or changes a role. Each write must name the project, and asks OpenAI for it.
func (b *backend) roleWrite(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	name := data.Get("name").(string)
	entry, err := load[role](ctx, req.Storage, rolePrefix+name)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		entry = &role{Template: defaultTemplate, TTL: time.Hour, MaxTTL: 24 * time.Hour}
	}
	entry.ProjectID = data.Get("project_id").(string)
	if entry.ProjectID == "" {
		return logical.ErrorResponse("project_id is required"), nil
	}
	if given, ok := data.GetOk("service_account_name_template"); ok {
		entry.Template = given.(string)
	}
	if given, ok := data.GetOk("ttl"); ok {
		entry.TTL = time.Duration(given.(int)) * time.Second
	}
	if given, ok := data.GetOk("max_ttl"); ok {
		entry.MaxTTL = time.Duration(given.(int)) * time.Second
	}
	if given, ok := data.GetOk("renewable"); ok {
		entry.Renewable = given.(bool)
	}
	if entry.TTL > entry.MaxTTL {
		return logical.ErrorResponse("ttl cannot be greater than max_ttl"), nil
	}
	if _, err := accountName(entry.Template, name, randomSuffix(), "project"); err != nil {
		return logical.ErrorResponse("%s", err), nil
	}
	upstream, err := b.configured(ctx, req.Storage)
	if err != nil {
		return nil, fmt.Errorf("error validating project: %w", err)
	}
	if _, err := upstream.project(ctx, entry.ProjectID); err != nil {
		return nil, fmt.Errorf("error validating project: %w", err)
	}
	return nil, store(ctx, req.Storage, rolePrefix+name, entry)
}

func (b *backend) roleDelete(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	return nil, req.Storage.Delete(ctx, rolePrefix+data.Get("name").(string))
}

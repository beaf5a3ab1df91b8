package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hashicorp/vault/sdk/logical"
)

// maxAnswer bounds what is read of an answer from OpenAI, in bytes.
const maxAnswer = 1 << 20

// client speaks to OpenAI's organization API with one admin key.
type client struct {
	*http.Client
	endpoint, adminKey, organization string
}

// configured returns a client for the stored configuration.
func (b *backend) configured(ctx context.Context, storage logical.Storage) (*client, error) {
	cfg, err := load[config](ctx, storage, configKey)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		return nil, errNotConfigured
	}
	return &client{b.upstream, cfg.APIEndpoint, cfg.AdminAPIKey, cfg.OrganizationID}, nil
}

// call sends one request, never repeated, and decodes the answer into result when that isn't nil.
// Any status of 400 or more is an error.
func (c *client) call(ctx context.Context, method, path string, body, result any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, content)
	if err != nil {
		return fmt.Errorf("error creating request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.adminKey)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenAI-Beta", "project-service-accounts=v1")
	req.Header.Set("OpenAI-Organization", c.organization)

	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("error making request: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("error reading response body: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return apiError(resp.StatusCode, answer)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("error parsing OpenAI response: %w", err)
	}
	return nil
}

// apiError words a refusal. OpenAI's code and param may be null; a 403 may carry a bare string
// in place of the error object.
func apiError(status int, body []byte) error {
	var answer struct {
		Error struct{ Message, Type, Code, Param string }
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error.Message == "" {
		return fmt.Errorf("API error (%d) from OpenAI", status)
	}
	text := fmt.Sprintf("API error (%d): %s - %s", status, answer.Error.Type, answer.Error.Message)
	if answer.Error.Code != "" {
		text += fmt.Sprintf(" (code: %s)", answer.Error.Code)
	}
	if answer.Error.Param != "" {
		text += fmt.Sprintf(" (param: %s)", answer.Error.Param)
	}
	return errors.New(text)
}

type project struct{ ID, Name, Status string }

// project fetches a project and requires it to be active.
func (c *client) project(ctx context.Context, id string) (*project, error) {
	var found project
	if err := c.call(ctx, http.MethodGet, "/organization/projects/"+id, nil, &found); err != nil {
		return nil, fmt.Errorf("OpenAI project validation failed: %w", err)
	}
	if found.ID == "" || found.Name == "" || found.Status == "" {
		return nil, fmt.Errorf("OpenAI project %s: id, name, or status missing in the answer", id)
	}
	if found.Status != "active" {
		return nil, fmt.Errorf("OpenAI project %s is not active (status: %s)", id, found.Status)
	}
	return &found, nil
}

type serviceAccount struct {
	ID     string
	Name   string
	APIKey struct{ ID, Value string } `json:"api_key"`
}

// createAccount makes a service account together with its only API key.
func (c *client) createAccount(ctx context.Context, project, name string) (*serviceAccount, error) {
	var made serviceAccount
	path := "/organization/projects/" + project + "/service_accounts"
	if err := c.call(ctx, http.MethodPost, path, map[string]string{"name": name}, &made); err != nil {
		return nil, fmt.Errorf("error creating service account: %w", err)
	}
	if made.ID == "" || made.APIKey.ID == "" || made.APIKey.Value == "" {
		return nil, errors.New("service account data missing in API response")
	}
	return &made, nil
}

// deleteAccount ends a service account and its key.
func (c *client) deleteAccount(ctx context.Context, project, id string) error {
	path := "/organization/projects/" + project + "/service_accounts/" + id
	if err := c.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return fmt.Errorf("error deleting service account: %w", err)
	}
	return nil
}

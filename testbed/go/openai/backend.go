package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

// version is what `vault plugin list` shows. The suffix tells the stand-in from the real engine,
// whose behaviour at that version it follows.
const version = "v0.0.8-standin"

// upstreamTimeout bounds each call to OpenAI; a mint is two of them.
const upstreamTimeout = 30 * time.Second

type backend struct {
	*framework.Backend

	// upstream keeps connections between requests; the credentials are read anew for each.
	upstream *http.Client
}

func factory(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
	b := &backend{upstream: &http.Client{Timeout: upstreamTimeout}}
	b.Backend = &framework.Backend{
		Help:           "Creates OpenAI API keys, each with a project service account of its own.",
		BackendType:    logical.TypeLogical,
		RunningVersion: version,
		PathsSpecial:   &logical.Paths{SealWrapStorage: []string{configKey}},
		Paths:          framework.PathAppend(b.configPaths(), b.rolePaths(), b.credsPaths()),
		Secrets:        []*framework.Secret{b.fixedSecret(), b.renewableSecret()},
	}
	return b, b.Setup(ctx, conf)
}

// load reads the JSON entry at key; it returns nil when there is none.
func load[T any](ctx context.Context, storage logical.Storage, key string) (*T, error) {
	entry, err := storage.Get(ctx, key)
	if err != nil || entry == nil {
		return nil, err
	}
	value := new(T)
	if err := entry.DecodeJSON(value); err != nil {
		return nil, fmt.Errorf("error decoding %s: %w", key, err)
	}
	return value, nil
}

// store writes value as the JSON entry at key.
func store(ctx context.Context, storage logical.Storage, key string, value any) error {
	entry, err := logical.StorageEntryJSON(key, value)
	if err != nil {
		return err
	}
	return storage.Put(ctx, entry)
}

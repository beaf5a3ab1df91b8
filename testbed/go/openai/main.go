// Command vault-plugin-secrets-openai is a stand-in for the public OpenAI secrets engine: the same
// paths, fields, upstream calls, and errors, on the Vault SDK. Its one addition is the role option
// renewable=true, for agents that also meet engines whose leases can be renewed.
package main

import (
	"log"

	"github.com/hashicorp/vault/sdk/plugin"
)

func main() {
	// Multiplexed: one process serves all mounts, so that a mount per test is cheap.
	if err := plugin.ServeMultiplex(&plugin.ServeOpts{BackendFactoryFunc: factory}); err != nil {
		log.Fatal(err)
	}
}

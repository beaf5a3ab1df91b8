package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/vault/sdk/helper/template"
)

const (
	defaultTemplate = "vault-{{.RoleName}}-{{.RandomSuffix}}"
	minName         = 3
	maxName         = 64
)

var (
	nameForm      = regexp.MustCompile(`^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$`)
	badRun        = regexp.MustCompile(`[^A-Za-z0-9_-]+|[-_]{2,}`)
	reservedNames = []string{"admin", "administrator", "openai", "root", "system"}
)

// accountName renders a role's template to a name that OpenAI takes: letters and digits, with
// single hyphens or underscores between them. What does not fit is replaced before the check.
func accountName(text, role, suffix, project string) (string, error) {
	parsed, err := template.NewTemplate(template.Template(text))
	if err != nil {
		return "", fmt.Errorf("service_account_name_template is invalid: %w", err)
	}
	name, err := parsed.Generate(map[string]string{
		"RoleName": role, "RandomSuffix": suffix, "ProjectName": project,
	})
	if err != nil {
		return "", fmt.Errorf("service_account_name_template is invalid: %w", err)
	}
	name = strings.Trim(badRun.ReplaceAllString(badRun.ReplaceAllString(name, "_"), "_"), "-_")
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName], "-_")
	}
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("service_account_name_template gives %q: %w", name, err)
	}
	return name, nil
}

func checkName(name string) error {
	switch {
	case len(name) < minName || len(name) > maxName:
		return fmt.Errorf("service account name must have %d to %d characters", minName, maxName)
	case !nameForm.MatchString(name):
		return errors.New("service account name can only contain letters and digits, with single " +
			"hyphens or underscores between them")
	case slices.Contains(reservedNames, strings.ToLower(name)):
		return fmt.Errorf("service account name cannot be a reserved word: %s", name)
	}
	return nil
}

// randomSuffix returns 8 lower-case letters and digits.
func randomSuffix() string {
	return strings.ToLower(rand.Text()[:8])
}

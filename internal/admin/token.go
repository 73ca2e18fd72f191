package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// Roles of a token; each may do what those before it may.
const (
	RoleViewer   = "viewer"   // reads
	RoleOperator = "operator" // wakes devices
	RoleAdmin    = "admin"    // everything
)

// minToken is the shortest token that is accepted, in bytes.
const minToken = 20

// TokenConfig is one entry of `admin.tokens`.
type TokenConfig struct {
	Name string `yaml:"name"`
	// Role is viewer, operator or admin.
	Role string `yaml:"role"`
	// TokenFile holds the token, at least 20 characters.
	TokenFile string `yaml:"token_file"`
}

// token is one that is accepted. Only its hash is kept.
type token struct {
	name string
	rank int
	hash [sha256.Size]byte
}

// rank orders the roles; 0 is none.
func rank(role string) int {
	switch role {
	case RoleViewer:
		return 1
	case RoleOperator:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}

func loadTokens(configs []TokenConfig) ([]token, error) {
	var tokens []token
	for i, c := range configs {
		text, err := readToken(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("admin.tokens[%d].token_file: %w", i, err)
		}
		tokens = append(tokens, token{name: c.Name, rank: rank(c.Role), hash: sha256.Sum256([]byte(text))})
	}
	return tokens, nil
}

func readToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if len(text) < minToken || strings.ContainsAny(text, " \t\r\n") {
		return "", fmt.Errorf("%q holds no single word of at least %d characters", path, minToken)
	}
	return text, nil
}

// bearer returns the token of a request that carries a known one (RFC 6750 2.1).
// Every token is compared, so that the time tells nothing.
func bearer(tokens []token, r *http.Request) (found token, ok bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return found, false
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(text)))
	for _, t := range tokens {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}

// validateTokens reports what is wrong with the tokens.
func (c *Config) validateTokens(report func(key, value, problem string)) {
	names := map[string]bool{}
	for i, t := range c.Tokens {
		key := func(name string) string { return fmt.Sprintf("tokens[%d].%s", i, name) }
		switch {
		case t.Name == "":
			report(key("name"), "", "is missing: it names the token in the log")
		case names[t.Name]:
			report(key("name"), t.Name, "is the name of another token too")
		}
		names[t.Name] = true
		switch {
		case t.Role == "":
			report(key("role"), "", "is missing: viewer, operator or admin")
		case rank(t.Role) == 0:
			report(key("role"), t.Role, "is not viewer, operator or admin")
		}
		if t.TokenFile == "" {
			report(key("token_file"), "", "is missing: write a long random word to a file, such as by openssl rand -hex 24")
		} else if _, err := readToken(t.TokenFile); err != nil {
			report(key("token_file"), t.TokenFile, "cannot be used: "+err.Error())
		}
	}
}

package admin

import (
	"fmt"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TokenConfig is one entry of `admin.tokens`: who may use the API, how that is
// proven, and what may be done. One of TokenFile, TokenSHA256 and ClientCert is given.
type TokenConfig struct {
	Name string `yaml:"name"`
	// Role is viewer, operator or admin.
	Role string `yaml:"role"`
	// TokenFile holds the token, at least 20 characters, or its hash as sha256:HEX.
	TokenFile string `yaml:"token_file"`
	// TokenSHA256 is the hash of the token, 64 hexadecimal digits.
	TokenSHA256 string `yaml:"token_sha256"`
	// ClientCert is the common name, or a DNS name, mail address or URI, of a client
	// certificate that tls.client_ca_file vouches for.
	ClientCert string `yaml:"client_cert"`
	// Tenant names one of `admin.tenants`, whose devices are the entry's.
	Tenant string `yaml:"tenant"`
	// ScopeConfig narrows the devices, without a tenant.
	ScopeConfig `yaml:",inline"`
}

// ScopeConfig narrows devices; all lists that are not empty must fit.
type ScopeConfig struct {
	OUI          []string `yaml:"oui"`
	ProductClass []string `yaml:"product_class"`
	// Serial holds serial numbers, or their beginning before a *.
	Serial []string `yaml:"serial"`
	// ACS names the ACSs that hold the devices' sessions.
	ACS []string `yaml:"acs"`
}

// TenantConfig is one entry of `admin.tenants`: whose devices are whose.
type TenantConfig struct {
	Name        string `yaml:"name"`
	ScopeConfig `yaml:",inline"`
}

func (s *ScopeConfig) empty() bool {
	return len(s.OUI)+len(s.ProductClass)+len(s.Serial)+len(s.ACS) == 0
}

// scope returns the Scope of the lists.
func (s *ScopeConfig) scope(tenant string) Scope {
	scope := Scope{Tenant: tenant, ProductClass: s.ProductClass, Serial: s.Serial, ACS: s.ACS}
	for _, oui := range s.OUI {
		scope.OUI = append(scope.OUI, cwmp.NormalizeOUI(oui))
	}
	return scope
}

// validate reports what is wrong with the lists, whose keys begin with key.
func (s *ScopeConfig) validate(key string, report func(key, value, problem string)) {
	lists := []struct {
		name   string
		values []string
	}{{"oui", s.OUI}, {"product_class", s.ProductClass}, {"serial", s.Serial}, {"acs", s.ACS}}
	for _, list := range lists {
		seen := map[string]bool{}
		for i, value := range list.values {
			at := fmt.Sprintf("%s.%s[%d]", key, list.name, i)
			star := strings.IndexByte(value, '*')
			switch {
			case value == "":
				report(at, "", "is empty: it would fit no device")
			case seen[value]:
				report(at, value, "is listed twice")
			case list.name == "oui" && !hexOUI(cwmp.NormalizeOUI(value)):
				report(at, value, "is not six hexadecimal digits, such as 00D09E")
			case star >= 0 && list.name != "serial":
				report(at, value, "has a *, which only serial knows")
			case star == 0:
				report(at, value, "fits every serial number: leave serial out")
			case star > 0 && star != len(value)-1:
				report(at, value, "has a * that is not its end")
			}
			seen[value] = true
		}
	}
}

func hexOUI(s string) bool {
	return len(s) == 6 && strings.Trim(s, "0123456789ABCDEF") == ""
}

// validateTokens reports what is wrong with the tokens.
func (c *Config) validateTokens(report func(key, value, problem string)) {
	tenants := c.validateTenants(report)
	names, hashes, certificates := map[string]bool{}, map[string]string{}, map[string]string{}
	for i := range c.Tokens {
		t := &c.Tokens[i]
		at := fmt.Sprintf("tokens[%d]", i)
		switch {
		case t.Name == "":
			report(at+".name", "", "is missing: it names the token in the log")
		case names[t.Name]:
			report(at+".name", t.Name, "is the name of another token too")
		}
		names[t.Name] = true
		switch {
		case t.Role == "":
			report(at+".role", "", "is missing: viewer, operator or admin")
		case rank(t.Role) == 0:
			report(at+".role", t.Role, "is not viewer, operator or admin")
		}
		c.validateProof(at, t, hashes, certificates, report)
		t.validate(at, report)
		switch {
		case t.Tenant == "":
		case !t.empty():
			report(at+".tenant", t.Tenant, "stands beside oui, product_class, serial or acs: choose one")
		case !tenants[t.Tenant]:
			report(at+".tenant", t.Tenant, "is none of admin.tenants")
		}
	}
}

func (c *Config) validateTenants(report func(key, value, problem string)) map[string]bool {
	names := map[string]bool{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		at := fmt.Sprintf("tenants[%d]", i)
		switch {
		case t.Name == "":
			report(at+".name", "", "is missing")
		case names[t.Name]:
			report(at+".name", t.Name, "is the name of another tenant too")
		}
		names[t.Name] = true
		if t.empty() {
			report(at, t.Name, "has every device: give at least one of oui, product_class, serial, acs")
		}
		t.validate(at, report)
	}
	return names
}

// validateProof reports what is wrong with how an entry is proven. The maps lead
// from what proves to the entry's name.
func (c *Config) validateProof(at string, t *TokenConfig, hashes, certificates map[string]string, report func(key, value, problem string)) {
	given := 0
	for _, value := range []string{t.TokenFile, t.TokenSHA256, t.ClientCert} {
		if value != "" {
			given++
		}
	}
	hash, err := t.hash()
	switch {
	case given == 0:
		report(at+".token_file", "", "is missing: write a long random word to a file, such as by openssl rand -hex 24")
	case given > 1:
		report(at, t.Name, "has more than one of token_file, token_sha256 and client_cert: choose one")
	case t.ClientCert != "":
		if c.TLS.ClientCAFile == "" {
			report(at+".client_cert", t.ClientCert, "needs admin.tls.client_ca_file, which says whose certificates are believed")
		}
		if other, taken := certificates[t.ClientCert]; taken {
			report(at+".client_cert", t.ClientCert, fmt.Sprintf("is that of %q too", other))
		}
		certificates[t.ClientCert] = t.Name
	case err != nil && t.TokenFile != "":
		report(at+".token_file", t.TokenFile, "cannot be used: "+err.Error())
	case err != nil:
		report(at+".token_sha256", "", err.Error())
	default:
		if other, taken := hashes[string(hash[:])]; taken {
			report(at, t.Name, fmt.Sprintf("has the token of %q too", other))
		}
		hashes[string(hash[:])] = t.Name
	}
}

// hash returns the hash of the entry's token; zero where it has none.
func (t *TokenConfig) hash() (hash [32]byte, err error) {
	switch {
	case t.TokenFile != "":
		return readHash(t.TokenFile)
	case t.TokenSHA256 != "":
		return parseHash(t.TokenSHA256)
	}
	return hash, nil
}

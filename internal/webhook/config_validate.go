package webhook

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/journal"
)

const (
	maxHooks   = 16
	maxName    = 40
	minSecret  = 20 // characters
	maxTimeout = time.Minute
)

// Validate reports every problem; keys are relative to where Config is. It reads the
// files that are named. Defaults must be filled in.
func (c *Config) Validate(report func(key, value, problem string)) {
	if n := len(c.Webhooks); n > maxHooks {
		report("webhooks", strconv.Itoa(n), "are too many: at most "+strconv.Itoa(maxHooks))
	}
	names := map[string]bool{}
	for i := range c.Webhooks {
		h := &c.Webhooks[i]
		r := func(key, value, problem string) { report(fmt.Sprintf("webhooks[%d].%s", i, key), value, problem) }
		switch {
		case h.Name == "":
			r("name", "", "is missing: it stands for the webhook in logs and metrics")
		case !validName(h.Name):
			r("name", h.Name, "must be 1 to "+strconv.Itoa(maxName)+" letters, digits, - or _: it is a label of metrics")
		case names[h.Name]:
			r("name", h.Name, "is the name of another webhook too")
		}
		names[h.Name] = true
		h.validate(r)
	}
}

func (h *Hook) validate(report func(key, value, problem string)) {
	secure := h.validateURL(report)
	if h.SecretFile == "" {
		report("secret_file", "", "is missing: write a long random word to a file, such as by openssl rand -hex 24")
	} else if _, err := readSecret(h.SecretFile); err != nil {
		report("secret_file", h.SecretFile, "cannot be used: "+err.Error())
	}
	for i, kind := range h.Kinds {
		if !knownKind(kind) {
			report("kinds["+strconv.Itoa(i)+"]", kind, "is not a kind of events: there are "+kinds())
		}
	}
	if h.RootCAFile != "" {
		if _, err := readRoots(h.RootCAFile); err != nil {
			report("root_ca_file", h.RootCAFile, "cannot be used: "+err.Error())
		} else if !secure {
			report("root_ca_file", h.RootCAFile, "is for a url of https")
		}
	}
	if h.Timeout < time.Second || h.Timeout > maxTimeout {
		report("timeout", h.Timeout.String(), "must be from 1s to "+maxTimeout.String())
	}
}

// validateURL tells whether the URL is one of https. A URL can have a secret in it, so
// problems do not repeat it.
func (h *Hook) validateURL(report func(key, value, problem string)) bool {
	u, err := url.Parse(h.URL)
	switch {
	case h.URL == "":
		report("url", "", "is missing: where events are sent, such as https://noc.example/events")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		report("url", "", "is not a URL of http or https, such as https://noc.example/events")
	case u.User != nil:
		report("url", "", "has a user name or password: the signature says who sends")
	case u.Fragment != "":
		report("url", "", "has a fragment, which no server is sent")
	}
	return err == nil && u.Scheme == "https"
}

func validName(name string) bool {
	return name != "" && len(name) <= maxName && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func knownKind(kind string) bool {
	for _, k := range journal.Kinds() {
		if string(k) == kind {
			return true
		}
	}
	return false
}

func kinds() string {
	var names []string
	for _, k := range journal.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func readSecret(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(data))
	if len(text) < minSecret || strings.ContainsAny(text, " \t\r\n") {
		return nil, fmt.Errorf("it holds no single word of at least %d characters", minSecret)
	}
	return []byte(text), nil
}

func readRoots(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("it has no certificate in PEM")
	}
	return pool, nil
}

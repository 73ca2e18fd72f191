package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/config"
)

// settings are the configuration in force, and how it came to be.
type settings struct {
	*config.Config
	loaded time.Time
	file   string // the hash of the file, "" where there is none
}

// newSettings takes note of a configuration that is in force from now on, and of the
// hash of the file that it was read from.
func (g *Gateway) newSettings(cfg *config.Config, file string) {
	g.settings.Store(&settings{Config: cfg, loaded: time.Now(), file: file})
}

// fileHash identifies what a file holds, "" if it cannot be read.
func fileHash(path string) string {
	data, err := os.ReadFile(path)
	if path == "" || err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// configView is the configuration in force, with what is wrong with its file as it
// is now.
func (g *Gateway) configView() admin.ConfigView {
	s := g.settings.Load()
	effective := masked(s.Config).Effective()
	sum := sha256.Sum256([]byte(effective))
	v := admin.ConfigView{
		File: g.opts.ConfigFile, LoadedAt: clock(s.loaded), Effective: effective, Revision: hex.EncodeToString(sum[:8]), Problems: []string{},
	}
	if g.opts.ConfigFile == "" {
		return v
	}
	v.Changed = fileHash(g.opts.ConfigFile) != s.file
	updated, err := config.Load(g.opts.ConfigFile)
	if err != nil {
		v.Problems = problemLines(err)
		return v
	}
	for _, key := range config.Diff(s.Config, updated) {
		v.Problems = append(v.Problems, "needs a restart: "+key)
	}
	if failed := g.lastReloadError(); failed != nil && len(v.Problems) == 0 {
		for _, line := range problemLines(failed) {
			v.Problems = append(v.Problems, "the last reload: "+line)
		}
	}
	return v
}

// masked is a configuration without what is good for whoever knows it, beside the
// passwords of URLs, which Effective leaves out: the URLs of webhooks, many of which
// are secrets, and the hashes of tokens.
func masked(c *config.Config) *config.Config {
	shown := *c
	shown.Events.Webhooks = slices.Clone(c.Events.Webhooks)
	for i := range shown.Events.Webhooks {
		h := &shown.Events.Webhooks[i]
		h.URL = maskedHook(h.URL)
	}
	shown.Admin = adminConfig(c)
	shown.Admin.Tokens = slices.Clone(c.Admin.Tokens)
	for i := range shown.Admin.Tokens {
		if t := &shown.Admin.Tokens[i]; t.TokenSHA256 != "" {
			t.TokenSHA256 = "***"
		}
	}
	return &shown
}

// problemLines are all that an error of a configuration tells, one problem a line.
func problemLines(err error) []string {
	var known config.Problems
	if !errors.As(err, &known) {
		return strings.Split(err.Error(), "\n")
	}
	lines := make([]string, len(known))
	for i := range known {
		lines[i] = known[i].String()
	}
	return lines
}

// reloadFile reads the configuration file again and lets it take effect. The error
// has a line for each problem.
func (g *Gateway) reloadFile(context.Context) error {
	if g.opts.ConfigFile == "" {
		return errors.New("this gateway has no configuration file")
	}
	if err := g.ReloadFile(); err != nil {
		return errors.New(strings.Join(problemLines(err), "\n"))
	}
	return nil
}

// ReloadFile reads Options.ConfigFile again and lets it take effect, as a whole or
// not at all. Safe for concurrent use.
func (g *Gateway) ReloadFile() error {
	hash := fileHash(g.opts.ConfigFile) // before: the file may be another one when it was read
	cfg, err := config.Load(g.opts.ConfigFile)
	if err == nil {
		err = g.take(cfg, hash)
	}
	g.reloadError.Store(&err)
	return err
}

// lastReloadError is why the last reload changed nothing, nil if it did.
func (g *Gateway) lastReloadError() error {
	if err := g.reloadError.Load(); err != nil {
		return *err
	}
	return nil
}

// maskedHook leaves of a webhook's URL where it leads.
func maskedHook(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "***"
	}
	return u.Scheme + "://" + u.Host + "/***"
}

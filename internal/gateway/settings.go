package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
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

// newSettings takes note of a configuration that is in force from now on.
func (g *Gateway) newSettings(cfg *config.Config) {
	g.settings.Store(&settings{Config: cfg, loaded: time.Now(), file: fileHash(g.opts.ConfigFile)})
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
	effective := s.Effective()
	for _, h := range s.Events.Webhooks { // many of these are good for whoever knows them
		effective = strings.ReplaceAll(effective, h.URL, maskedHook(h.URL))
	}
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
		v.Problems = strings.Split(err.Error(), "\n")
		return v
	}
	for _, key := range config.Diff(s.Config, updated) {
		v.Problems = append(v.Problems, "needs a restart: "+key)
	}
	if failed := g.lastReloadError(); failed != "" && len(v.Problems) == 0 {
		v.Problems = []string{"the last reload: " + failed}
	}
	return v
}

// reloadFile reads the configuration file again and lets it take effect.
func (g *Gateway) reloadFile(context.Context) error {
	if g.opts.ConfigFile == "" {
		return errors.New("this gateway has no configuration file")
	}
	return g.ReloadFile()
}

// ReloadFile reads Options.ConfigFile again and lets it take effect, as a whole or
// not at all. Safe for concurrent use.
func (g *Gateway) ReloadFile() error {
	cfg, err := config.Load(g.opts.ConfigFile)
	if err == nil {
		err = g.Reload(cfg)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	g.reloadError.Store(&text)
	return err
}

// lastReloadError is why the last reload changed nothing, "" if it did.
func (g *Gateway) lastReloadError() string {
	if text := g.reloadError.Load(); text != nil {
		return *text
	}
	return ""
}

// maskedHook leaves of a webhook's URL where it leads.
func maskedHook(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "***"
	}
	return u.Scheme + "://" + u.Host + "/***"
}

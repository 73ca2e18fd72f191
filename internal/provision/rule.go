package provision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unique"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// Rule is the section made ready. It is immutable and safe for concurrent use.
type Rule struct {
	cfg      Config
	selector *policy.Selector
	server   string
	port     int
	// kept are the settings as attempts are recorded: with the template in place of
	// the device's own user name, so that they are the same for all.
	kept        policy.STUNSettings
	fingerprint unique.Handle[string] // of kept
}

// section names the rule, by which percent chooses.
const section = "stun_provisioning"

// NewRule makes the rule of a section that Validate found no problem with. listen
// are the addresses of the gateway's STUN server.
func NewRule(cfg Config, listen []string) (*Rule, error) {
	r := &Rule{cfg: cfg}
	var err error
	if r.selector, err = policy.CompileSelector(section, cfg.Match.selector(), nil); err != nil {
		return nil, fmt.Errorf("%s.match: %w", section, err)
	}
	if !cfg.Enabled {
		return r, nil
	}
	var key, problem string
	if r.server, r.port, key, problem = cfg.Target(listen); problem != "" {
		return nil, errors.New(section + "." + key + " " + problem)
	}
	r.kept = r.settings(&cwmp.DeviceID{})
	r.kept.Username = &r.cfg.Username
	r.fingerprint = unique.Make(r.kept.Fingerprint())
	return r, nil
}

// Head tells whether to act before the ACS does.
func (r *Rule) Head() bool { return r.cfg.Head }

// selects tells whether a device is to have STUN, wherever it is.
func (r *Rule) selects(in *policy.SelectorInput) bool { return r.cfg.Enabled && r.selector.Takes(*in) }

// unselected tells why a device is not selected, which costs more than to know
// that it is not.
func (r *Rule) unselected(in *policy.SelectorInput) string {
	if !r.cfg.Enabled {
		return section + " is not enabled"
	}
	_, why := r.selector.Matches(*in)
	return why
}

// settings are what a device is to have, but for the password.
func (r *Rule) settings(id *cwmp.DeviceID) policy.STUNSettings {
	name := r.cfg.username(id)
	return policy.STUNSettings{
		Enable: true, Server: r.server, Port: r.port, Username: &name,
		MinKeepAlive: int(r.cfg.MinKeepAlive / time.Second), MaxKeepAlive: int(r.cfg.MaxKeepAlive / time.Second),
		Notify: r.cfg.Notify, Generation: r.cfg.Generation,
	}
}

// none are the settings of a device that is to have none, as undoing is recorded.
func (r *Rule) none() policy.STUNSettings { return policy.STUNSettings{Generation: r.cfg.Generation} }

// password returns the STUN password of a device: it is made of a key of the
// gateway, so that who knows one device's knows no other's, and nothing needs to
// be kept. 128 bits in 32 characters that every CPE takes.
func password(key []byte, id *cwmp.DeviceID, generation int) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id.String() + "\x00" + strconv.Itoa(generation)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

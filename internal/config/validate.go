package config

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// validator is a section that knows what is wrong with it. Keys are relative
// to the section.
type validator interface {
	Validate(report func(key, value, problem string))
}

// references are the keys that hold names, with the keys that give them.
var references = []struct{ from, to string }{
	{"routes[].acs", "acs[].name"},
	{"acs[].backup", "acs[].name"},
	{"routes[].match.listener[]", "listen[].name"},
	{"turn.users[].acs[]", "acs[].name"},
	{"events.webhooks[].acs", "acs[].name"},
}

// dependents are the keys whose value is judged by that of another one, which
// has the same indices. While there is a problem with the other, or with a part
// of it, nothing is to be said of them.
var dependents = []struct{ key, on string }{
	{"acs[].failover.mode", "acs[].backup"},
	{"acs[].failover.return", "acs[].backup"},
	{"acs[].failover.return_per_second", "acs[].backup"},
	{"acs[].failover.rate_per_second", "acs[].failover.mode"},
	{"acs[].failover.canary", "acs[].failover.mode"},
	{"acs[].failover.criteria", "acs[].failover.mode"},
	{"acs[].probe.timeout", "acs[].probe.interval"},
	{"limits.body_memory", "limits.body_bytes"},
	{"listen[].tls.client_ca_file", "listen[].tls.client_auth"},
	{"listen[].tls.triple_des", "listen[].tls.profile"},
	{"listen[].tls", "tls.acme"},
	{"listen[].tls", "tls.certificates"},
	{"routes[].match.percent", "routes[].name"},
	{"tls.default_name", "tls.acme"},
	{"tls.default_name", "tls.certificates"},
}

// validation gathers what the sections report and gives each report its place
// in the file.
type validation struct {
	config *Config
	root   *node
	found  *collector
	names  map[string][]string // what can be referred to, by the key that gives it
}

func (c *Config) validate(root *node, found *collector) {
	v := &validation{config: c, root: root, found: found}
	v.names = map[string][]string{"listen[].name": v.given("listen"), "acs[].name": v.given("acs")}
	walk(reflect.ValueOf(c), "", func(value reflect.Value, key string) {
		if section, ok := value.Addr().Interface().(validator); ok {
			section.Validate(v.under(key))
		}
	})
	v.overlaps()
	v.circles()
}

// given returns the names of the entries of a section, nil when a problem of
// the section leaves them uncertain: then nothing can be said to refer to none.
func (v *validation) given(section string) []string {
	if v.found.twice[section] {
		return nil
	}
	for key := range v.found.here {
		if p := pattern(key); p == "" || p == section || p == section+"[]" || p == section+"[].name" {
			return nil
		}
	}
	names := []string{}
	for _, item := range v.root.get(section).elements() {
		name := item.get("name")
		if name == nil || name.text == "" {
			return nil
		}
		names = append(names, name.text)
	}
	return names
}

// elements returns the elements of a list.
func (n *node) elements() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

func (v *validation) under(section string) func(key, value, problem string) {
	return func(key, value, problem string) {
		switch {
		case key == "":
			key = section
		case section != "" && strings.HasPrefix(key, "["):
			key = section + key
		case section != "":
			key = section + "." + key
		}
		v.report(key, value, problem)
	}
}

// report adds a problem unless it follows from one that is known already.
func (v *validation) report(key, value, problem string) {
	if v.found.suspect(key) || v.depends(key) {
		return
	}
	problem, ok := v.refer(key, value, problem)
	if !ok {
		return
	}
	at, n := v.root.locate(key)
	if n != nil {
		for _, item := range n.items {
			if item.kind == scalar && item.text == value {
				at = item.at
			}
		}
		if n.kind == scalar && !strings.HasSuffix(key, "_file") {
			value = n.text
		}
	}
	v.found.add(at, key, value, problem)
}

// depends tells whether key cannot be judged because of a known problem.
func (v *validation) depends(key string) bool {
	p := pattern(key)
	if p == "routes[]" { // compared with the match of all other rules
		return v.found.lost["routes"]
	}
	for _, d := range dependents {
		if d.key == p && v.found.within(withIndices(d.on, key)) {
			return true
		}
	}
	return false
}

// refer completes the report of a name that refers to nothing. It is false
// when the name may well exist.
func (v *validation) refer(key, value, problem string) (string, bool) {
	for _, r := range references {
		p := pattern(key)
		if value == "" || p != r.from && p+"[]" != r.from {
			continue
		}
		names := v.names[r.to]
		if names == nil {
			return "", false
		}
		if guess := nearest(value, names); guess != "" && guess != value && !strings.Contains(problem, "did you mean") {
			problem += ", did you mean \"" + guess + "\"?"
		}
	}
	return problem, true
}

// Validate reports what concerns several sections.
func (c *Config) Validate(report func(key, value, problem string)) {
	if len(c.Listen) == 0 {
		report("listen", "", `is missing: add a list with at least - {name: cpe, address: ":7547"}`)
	}
	first := map[string]string{}
	for i, l := range c.Listen {
		key := element("listen", i)
		if other, twice := first[l.Name]; twice && l.Name != "" {
			report(key+".name", l.Name, "is also the name of "+other)
		} else {
			first[l.Name] = key
		}
		if l.TLS != nil && c.TLS.ACME == nil && len(c.TLS.Certificates) == 0 {
			report(key+".tls", "", "needs a certificate: add tls.certificates or tls.acme")
		}
	}
	policy := c.PolicyConfig()
	policy.Validate(report)
	c.validateRouteListeners(report)
	c.validateNAT(report)
	c.validateRewrite(report)
}

// validateRewrite reports failovers that set a URL which is not known, or that could
// send a CPE round in a circle. By routing there is none: a backup's own is not asked.
func (c *Config) validateRewrite(report func(key, value, problem string)) {
	urls, as := map[string]string{}, map[string]string{}
	for _, a := range c.ACS {
		urls[a.Policy.Name], as[a.Policy.Name] = a.CPEURL, a.AsBackup
	}
	for i, a := range c.ACS {
		if a.Policy.Failover.Mode != policy.ModeRewrite {
			continue
		}
		key := element("acs", i) + ".failover.mode"
		backup, known := urls[a.Policy.Backup]
		switch {
		case c.backupLoop(a.Policy.Name):
			report(element("acs", i)+".backup", a.Policy.Backup, "leads back to "+a.Policy.Name+": a loop of backups is for failover.mode: route alone")
		case a.CPEURL == "":
			report(key, a.Policy.Failover.Mode, "needs the cpe_url of this ACS: it is what CPEs are set back to")
		case known && backup == "":
			report(key, a.Policy.Failover.Mode, "needs the cpe_url of the backup: it is what CPEs are set to")
		case known && policy.SameURL(backup, a.CPEURL):
			report(key, a.Policy.Failover.Mode, "has nothing to set: the backup has the same cpe_url")
		case known && as[a.Policy.Backup] != BackupFull:
			report(key, a.Policy.Failover.Mode, "makes the CPEs those of the backup, which is as_backup: "+as[a.Policy.Backup]+": use route")
		}
	}
}

// backupLoop tells whether the backups of an ACS's backup lead to it again.
func (c *Config) backupLoop(acs string) bool {
	backups := map[string]string{}
	for i := range c.ACS {
		backups[c.ACS[i].Policy.Name] = c.ACS[i].Policy.Backup
	}
	next := backups[acs]
	if next == acs {
		return false // is reported as such
	}
	for range c.ACS {
		if next == acs {
			return true
		}
		next = backups[next]
	}
	return false
}

func (c *Config) validateRouteListeners(report func(key, value, problem string)) {
	var names []string
	for _, l := range c.Listen {
		names = append(names, l.Name)
	}
	for i, r := range c.Routes {
		for j, name := range r.Match.Listener {
			if !slices.Contains(names, name) {
				report(element(element("routes", i)+".match.listener", j), name, "is no listener of this file")
			}
		}
	}
}

// Validate reports what is wrong with an ACS beyond what the policy and the
// proxy see of it.
func (c *ACS) Validate(report func(key, value, problem string)) {
	if c.CPEURL != "" {
		u, err := url.Parse(c.CPEURL)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			report("cpe_url", c.CPEURL, "is not a URL such as https://acs.isp.example/cwmp")
		case len(c.CPEURL) > 256: // TR-098, TR-181: ManagementServer.URL is string(256)
			report("cpe_url", c.CPEURL, "is longer than 256 characters, more than a CPE keeps")
		}
	}
	if _, err := c.CPERoots(); err != nil {
		report("cpe_root_ca_file", c.CPERootCAFile, err.Error())
	} else if c.CPERootCAFile != "" && !strings.HasPrefix(strings.ToLower(c.CPEURL), "https:") {
		report("cpe_root_ca_file", c.CPERootCAFile, "has no effect without an https cpe_url")
	}
	if problem := c.URLRules().Problem(); problem != "" {
		report("url_guard", c.URLGuard, problem)
	}
	c.FileURLs.Validate(func(key, value, problem string) { report("file_urls"+key, value, problem) })
	switch c.AsBackup {
	case BackupFull, BackupReadOnly, BackupPark:
	default:
		report("as_backup", c.AsBackup, "is not one of full, read_only, park")
	}
}

// Validate reports what is wrong with the choice of a store.
func (c *Store) Validate(report func(key, value, problem string)) {
	if c.Bolt != nil && c.Memory != nil {
		report("memory", "", "stands beside bolt: choose one of the two")
	}
}

// Validate reports what is wrong with the section.
func (c *Drain) Validate(report func(key, value, problem string)) {
	switch {
	case c.Timeout < 0:
		report("timeout", c.Timeout.String(), "must be at least 0s")
	case c.Timeout > time.Hour:
		report("timeout", c.Timeout.String(), "must be at most 1h")
	}
}

package proxy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// reported gathers what a section reports as "key: value problem".
type reported []string

func (r *reported) add(key, value, problem string) {
	*r = append(*r, key+": "+value+" "+problem)
}

func TestConfig_Defaults(t *testing.T) {
	var l ListenConfig
	var u UpstreamConfig
	var s SessionConfig
	var m LimitsConfig
	l.SetDefaults()
	u.SetDefaults()
	s.SetDefaults()
	m.SetDefaults()
	if l.MaxConnections != 50_000 || s != (SessionConfig{90 * time.Second, 100_000, "gw"}) {
		t.Errorf("listener %+v, session %+v", l, s)
	}
	if u != (UpstreamConfig{Redirects: "follow", RedirectStatus: 307, ConnectTimeout: 3 * time.Second,
		ResponseTimeout: 29 * time.Second, InformTimeout: 10 * time.Second}) {
		t.Errorf("upstream %+v", u)
	}
	if m != (LimitsConfig{32 * bytesize.KB, 8 * bytesize.MB, bytesize.GB, 1024, 2 * time.Minute, time.Minute, 100, time.Minute}) {
		t.Errorf("limits %+v", m)
	}
}

func TestConfig_DefaultsAreValid(t *testing.T) {
	l := ListenConfig{Name: "cpe", Address: ":7547"}
	u := UpstreamConfig{URL: "http://10.0.0.5:7547/cwmp"}
	var s SessionConfig
	var m LimitsConfig
	for _, section := range []interface {
		SetDefaults()
		Validate(func(key, value, problem string))
	}{&l, &u, &s, &m} {
		section.SetDefaults()
		section.Validate(func(key, value, problem string) { t.Errorf("%T: %s: %q %s", section, key, value, problem) })
	}
}

func TestUpstreamLimits_BurstIsOneSecond(t *testing.T) {
	for rate, want := range map[float64]int{0: 0, 0.1: 1, 1: 1, 2.5: 3, 100: 100, 1e300: maxRate} {
		c := UpstreamLimits{NewPerSecond: rate}
		if c.SetDefaults(); c.Burst != want {
			t.Errorf("%g new sessions a second make a burst of %d, want %d", rate, c.Burst, want)
		}
	}
	c := UpstreamLimits{NewPerSecond: 100, Burst: 7}
	if c.SetDefaults(); c.Burst != 7 {
		t.Errorf("a burst of 7 became %d", c.Burst)
	}
}

func TestListenConfig_Addresses(t *testing.T) {
	for address, want := range map[string]string{
		":7547": "", "0.0.0.0:1": "", "[::1]:65535": "", "localhost:80": "", "acs_1.example:7547": "", "127.0.0.1:0": "",
		"[fe80::1%eth0]:7547": "",
		"":                    "is missing", "7547": `write ":7547"`, "10.0.0.1": `write "10.0.0.1:7547"`, "::1": `write "[::1]:7547"`,
		"a:b:c": "is not host:port", "x:": "has a port that is not a number", "x:http": "has a port", "x:65536": "has a port",
		"x:-1": "has a port", ":0": "names neither", "a b:1": "has a host", "http://x:1": "is not host:port", ".x:1": "has a host",
	} {
		var got reported
		c := ListenConfig{Name: "cpe", Address: address, MaxConnections: 1}
		c.Validate(got.add)
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func TestUpstreamConfig_URLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://10.0.0.5": "", "https://acs.isp.example:8443/cwmp?a=b": "", "http://[2001:db8::1]:7547/": "", "HTTP://x/": "",
		"": "is missing", "10.0.0.5:7547": "is not a URL", "acs.isp.example/cwmp": "is not a URL", "ftp://x/": "is not a URL",
		"http:x": "is not a URL", "http://": "has no valid host", "http://:7547/": "has no valid host", "http://x:0/": "has no valid host",
		"http://a:b@x/": "must not hold a user name", "http://x/#y": "must not have a #fragment", "http://x y/": "is not a URL",
	} {
		var got reported
		c := UpstreamConfig{URL: url}
		c.SetDefaults()
		c.Validate(got.add)
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%q: %q, want %q", url, got, want)
		}
		if strings.Contains(strings.Join(got, ""), "a:b@") {
			t.Errorf("%q: the password is shown: %q", url, got)
		}
	}
}

func TestUpstreamConfig_TLSFiles(t *testing.T) {
	dir := t.TempDir()
	ca := tlstest.Must(tlstest.NewCA("test"))
	root := tlstest.Must(ca.WriteFile(dir, "ca"))
	one, oneKey, err := tlstest.Must(ca.Issue(tlstest.Spec{Names: []string{"one"}})).WriteFiles(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := tlstest.Must(ca.Issue(tlstest.Spec{Names: []string{"other"}})).WriteFiles(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	text, missing := filepath.Join(dir, "text"), filepath.Join(dir, "missing")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	const noEffect = "has no effect without an https url"
	for _, test := range []struct {
		name   string
		change func(*UpstreamConfig)
		want   []string
	}{
		{"all", func(c *UpstreamConfig) { c.RootCAFile, c.CertFile, c.KeyFile, c.ServerName = root, one, oneKey, "acs" }, nil},
		{"missing", func(c *UpstreamConfig) { c.RootCAFile, c.CertFile, c.KeyFile = missing, missing, missing }, []string{
			"root_ca_file: " + missing + " cannot be read: no such file or directory",
			"cert_file: " + missing + " cannot be read: no such file or directory",
			"key_file: " + missing + " cannot be read: no such file or directory"}},
		{"no PEM", func(c *UpstreamConfig) { c.RootCAFile, c.CertFile, c.KeyFile = text, text, oneKey }, []string{
			"root_ca_file: " + text + " holds no certificate in PEM form",
			"cert_file: " + text + " does not go with key_file: failed to find any PEM data in certificate input"}},
		{"another key", func(c *UpstreamConfig) { c.CertFile, c.KeyFile = one, otherKey }, []string{
			"cert_file: " + one + " does not go with key_file: private key does not match public key"}},
		{"no key", func(c *UpstreamConfig) { c.CertFile = one }, []string{
			"key_file:  is missing: cert_file needs the private key of the certificate"}},
		{"no certificate", func(c *UpstreamConfig) { c.KeyFile = oneKey }, []string{
			"cert_file:  is missing: key_file needs the certificate of the private key"}},
		{"plain", func(c *UpstreamConfig) {
			c.URL, c.RootCAFile, c.CertFile, c.InsecureSkipVerify = "http://x/", root, one, true
		}, []string{"root_ca_file: " + root + " " + noEffect, "cert_file: " + one + " " + noEffect, "insecure_skip_verify: true " + noEffect}},
	} {
		var got reported
		c := UpstreamConfig{URL: "https://x/"}
		c.SetDefaults()
		test.change(&c)
		c.Validate(got.add)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant:\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

type sections struct {
	listen   ListenConfig
	upstream UpstreamConfig
	session  SessionConfig
	limits   LimitsConfig
}

// TestConfig_Bounds sets one value at a time to what no one can mean.
func TestConfig_Bounds(t *testing.T) {
	for want, change := range map[string]func(*sections){
		"name:":                   func(c *sections) { c.listen.Name = "a/b" },
		"name: " + longName:       func(c *sections) { c.listen.Name = longName },
		"proxy_protocol[1]:":      func(c *sections) { c.listen.ProxyProtocol = []string{"::1", "x"} },
		"max_connections:":        func(c *sections) { c.listen.MaxConnections = -1 },
		"host:":                   func(c *sections) { c.upstream.Host = "a b" },
		"redirects:":              func(c *sections) { c.upstream.Redirects = "no" },
		"redirect_status:":        func(c *sections) { c.upstream.RedirectStatus = 301 },
		"connect_timeout:":        func(c *sections) { c.upstream.ConnectTimeout = -1 },
		"response_timeout:":       func(c *sections) { c.upstream.ResponseTimeout = 25 * time.Hour },
		"inform_timeout:":         func(c *sections) { c.upstream.InformTimeout = 1 },
		"limits.sessions:":        func(c *sections) { c.upstream.Limits.Sessions = -1 },
		"limits.new_per_second:":  func(c *sections) { c.upstream.Limits.NewPerSecond = -0.5 },
		"limits.burst:":           func(c *sections) { c.upstream.Limits.Burst = maxCount + 1 },
		"idle:":                   func(c *sections) { c.session.Idle = 0 },
		"max_sessions:":           func(c *sections) { c.session.MaxSessions = 0 },
		"cookie:":                 func(c *sections) { c.session.Cookie = "$gw" },
		"cookie: " + longName:     func(c *sections) { c.session.Cookie = longName },
		"header_bytes:":           func(c *sections) { c.limits.HeaderBytes = 100 },
		"body_bytes:":             func(c *sections) { c.limits.BodyBytes = 1 },
		"body_memory:":            func(c *sections) { c.limits.BodyMemory = bytesize.MB },
		"connections_per_source:": func(c *sections) { c.limits.ConnectionsPerSource = -1 },
		"idle_connection:":        func(c *sections) { c.limits.IdleConnection = 0 },
		"header_timeout:":         func(c *sections) { c.limits.HeaderTimeout = 0 },
		"min_rate:":               func(c *sections) { c.limits.MinRate = -1 },
		"retry_after:":            func(c *sections) { c.limits.RetryAfter = 0 },
	} {
		c := sections{listen: ListenConfig{Name: "cpe", Address: ":7547"}, upstream: UpstreamConfig{URL: "http://x/"}}
		c.listen.SetDefaults()
		c.upstream.SetDefaults()
		c.session.SetDefaults()
		c.limits.SetDefaults()
		change(&c)
		var got reported
		c.listen.Validate(got.add)
		c.upstream.Validate(got.add)
		c.session.Validate(got.add)
		c.limits.Validate(got.add)
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s %q", want, got)
		}
	}
}

var longName = strings.Repeat("x", maxName+1)

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/config"
)

func testSetup(t *testing.T, tls bool) (dir string, s setup) {
	t.Helper()
	dir = t.TempDir()
	s = setup{acs: "127.0.0.1:9", dataDir: dir}
	if tls {
		var err error
		if s.cert, err = newCertificate(dir); err != nil {
			t.Fatal(err)
		}
	}
	return dir, s
}

// TestRivalsAcceptTheirConfigurations has HAProxy and nginx check what is
// generated for them.
func TestRivalsAcceptTheirConfigurations(t *testing.T) {
	for _, c := range []struct {
		program string
		args    []string
		text    func(dir string, s setup) string
	}{
		{"haproxy", []string{"-c", "-f"}, func(_ string, s setup) string { return haproxyConfig("127.0.0.1:8", s) }},
		{"nginx", []string{"-t", "-e", "stderr", "-c"}, func(dir string, s setup) string {
			return nginxConfig(dir, "127.0.0.1:8", s, false)
		}},
		{"nginx", []string{"-t", "-e", "stderr", "-c"}, func(dir string, s setup) string {
			return nginxConfig(dir, "127.0.0.1:8", s, true)
		}},
	} {
		for _, tls := range []bool{false, true} {
			t.Run(c.program, func(t *testing.T) {
				program, err := look(c.program)
				if err != nil {
					t.Skip(err)
				}
				dir, s := testSetup(t, tls)
				file := dir + "/config"
				if err := os.WriteFile(file, []byte(c.text(dir, s)), 0o600); err != nil {
					t.Fatal(err)
				}
				if text, err := exec.Command(program, append(c.args, file)...).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, text)
				}
			})
		}
	}
}

// TestAcsgateAcceptsItsConfiguration keeps the generated file and the keys of
// the configuration together.
func TestAcsgateAcceptsItsConfiguration(t *testing.T) {
	for _, tls := range []bool{false, true} {
		_, s := testSetup(t, tls)
		c, err := config.Parse("acsgate.yaml", []byte(gatewayConfig("127.0.0.1:8", "127.0.0.1:7", s)))
		if err != nil {
			t.Fatal(err)
		}
		if c.Admin.Address != "127.0.0.1:7" || (c.Listen[0].TLS != nil) != tls || c.Limits.ConnectionsPerSource != 0 {
			t.Errorf("configuration is read as %+v", c)
		}
	}
}

func TestHAProxyNeverSharesConnections(t *testing.T) {
	_, s := testSetup(t, true)
	for _, line := range []string{
		"nbthread 1\n", "http-reuse never\n", "server acs 127.0.0.1:9\n",
		`bind 127.0.0.1:8 ssl crt "` + s.cert.pemFile + `"`, "no-tls-tickets",
	} {
		if text := haproxyConfig("127.0.0.1:8", s); !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestNginxKeepsConnectionsOnlyWhenAsked(t *testing.T) {
	dir, s := testSetup(t, false)
	if text := nginxConfig(dir, "127.0.0.1:8", s, false); strings.Contains(text, "keepalive 64") {
		t.Errorf("a pool that was not asked for:\n%s", text)
	}
	text := nginxConfig(dir, "127.0.0.1:8", s, true)
	for _, line := range []string{"server 127.0.0.1:9; keepalive 64;", "proxy_http_version 1.1;", `Connection "";`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

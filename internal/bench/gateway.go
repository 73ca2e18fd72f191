package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// gatewayACS is the name of the ACS in acsgate's configuration.
const gatewayACS = "bench"

// gatewayCommand writes a configuration for acsgate and returns its start.
func (b *bench) gatewayCommand(p *proxy, s setup) (command, error) {
	if b.gatewayMissing != nil {
		return command{}, b.gatewayMissing
	}
	var err error
	if p.admin, err = b.ports.free(); err != nil {
		return command{}, err
	}
	if s.dataDir == "" {
		if s.dataDir, err = os.MkdirTemp(b.dir, "acsgate-data-"); err != nil {
			return command{}, err
		}
	}
	p.token = s.token
	file, err := b.writeConfig("acsgate-*.yaml", gatewayConfig(p.listen, p.admin, s))
	return command{argv: []string{b.gateway, "run", "-config", file}, env: b.goEnv()}, err
}

// gatewayConfig is acsgate as an operator would run it in front of one ACS,
// with its session log on; only what would bound the load itself is opened.
func gatewayConfig(listen, admin string, s setup) string {
	var listenTLS, certificates, tokens string
	if s.token != "" {
		tokens = fmt.Sprintf(", tokens: [{name: bench, role: admin, token_file: %q}%s]", s.token, s.tokens)
	}
	if s.cert != nil {
		listenTLS = ", tls: {profile: modern}"
		certificates = fmt.Sprintf("tls:\n  certificates: [{cert_file: %q, key_file: %q}]\n", s.cert.certFile, s.cert.keyFile)
	}
	var routes string
	if s.acsMore != "" {
		routes = "routes: [{acs: " + gatewayACS + "}]\n"
	}
	return fmt.Sprintf(`data_dir: %q
listen:
  - {name: cpe, address: %q, max_connections: 100000%s}
%sacs:
  - {name: %s, url: "http://%s"%s}
%ssession: {max_sessions: 100000, idle: 10m}
limits: {connections_per_source: 0, idle_connection: 10m, header_timeout: 10m}
admin: {address: %q%s}
%s`, s.dataDir, listen, listenTLS, certificates, gatewayACS, s.acs, s.acsKeys, s.acsMore+routes, admin, tokens+s.admin, s.extra)
}

// buildGateway builds acsgate into the run's directory, unless a binary was
// given. Where that fails its rows are left out, with the reason.
func (b *bench) buildGateway() {
	if b.gateway != "" {
		return
	}
	b.gateway = b.dir + "/acsgate"
	cmd := exec.Command("go", "build", "-o", b.gateway, "./cmd/acsgate")
	cmd.Dir = b.root
	if text, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		b.gatewayMissing = fmt.Errorf("%w: ./cmd/acsgate does not build: %s", errLeftOut, first)
	}
}

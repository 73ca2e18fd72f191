package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// kind names one way to put a proxy in front of an ACS.
type kind string

const (
	kindDirect     kind = "no proxy"
	kindBaseline   kind = "Go ReverseProxy"
	kindPooled     kind = "Go ReverseProxy, big pool"
	kindHAProxy    kind = "HAProxy, reuse never"
	kindNginx      kind = "nginx"
	kindNginxAlive kind = "nginx, keepalive"
	kindGateway    kind = "acsgate"
)

// errLeftOut marks a proxy that cannot be measured here, with the reason.
var errLeftOut = errors.New("left out")

// setup is what a proxy is started with.
type setup struct {
	acs     string       // the ACS's host:port
	cert    *certificate // nil: plain HTTP
	dataDir string       // of acsgate; empty: a new one
	extra   string       // of acsgate: more of its configuration
	acsKeys string       // of acsgate: more about the ACS, as ", key: value"
	acsMore string       // of acsgate: more ACSs, a line each
	acsArgs []string     // of the scripted ACS
	token   string       // of acsgate: file with a token for its API; empty: no API
	tokens  string       // of acsgate: more tokens, as ", {name: x}"
	admin   string       // of acsgate: more about the admin listener, as ", key: value"
}

// proxy is a running proxy.
type proxy struct {
	*child // nil for "no proxy"
	kind   kind
	listen string        // where CPEs connect
	admin  string        // acsgate only: host:port of metrics and health
	token  string        // acsgate only: file with a token for its API
	ready  time.Duration // from its start until it served
	start  usage         // CPU time of its start
}

// startProxy starts a proxy and waits until it serves. An error that is
// errLeftOut means that there is none of this kind here.
func (b *bench) startProxy(ctx context.Context, k kind, s setup) (*proxy, error) {
	if k == kindDirect {
		return &proxy{kind: k, listen: s.acs}, nil
	}
	listen, err := b.ports.free()
	if err != nil {
		return nil, err
	}
	p := &proxy{kind: k, listen: listen}
	cmd, err := b.proxyCommand(p, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	cmd.name, cmd.dir = string(k), b.dir
	start := time.Now()
	if p.child, err = cmd.start(); err != nil {
		return nil, err
	}
	if err := p.await(ctx, time.Minute, p.serving); err != nil {
		p.stop()
		return nil, err
	}
	p.ready = time.Since(start)
	if p.start, err = p.usage(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (b *bench) proxyCommand(p *proxy, s setup) (command, error) {
	switch p.kind {
	case kindBaseline:
		return b.baselineCommand(p, s, 0), nil
	case kindPooled:
		return b.baselineCommand(p, s, 1000), nil
	case kindHAProxy:
		return b.haproxyCommand(p, s)
	case kindNginx:
		return b.nginxCommand(p, s, false)
	case kindNginxAlive:
		return b.nginxCommand(p, s, true)
	case kindGateway:
		return b.gatewayCommand(p, s)
	default:
		return command{}, fmt.Errorf("unknown kind %q", p.kind)
	}
}

func (b *bench) baselineCommand(p *proxy, s setup, idle int) command {
	argv := []string{b.self, roleBaseline, "-listen", p.listen, "-upstream", s.acs, "-idle", fmt.Sprint(idle)}
	if s.cert != nil {
		argv = append(argv, "-cert", s.cert.certFile, "-key", s.cert.keyFile)
	}
	return command{argv: argv, env: b.goEnv()}
}

// serving succeeds once the proxy takes sessions: when its port is open, and
// for acsgate when it calls itself ready as well.
func (p *proxy) serving() error {
	if p.admin == "" {
		return dialable(p.listen)()
	}
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + p.admin + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", response.Status)
	}
	return nil
}

// end stops the proxy, if it is a process.
func (p *proxy) end() {
	if p.child != nil {
		p.stop()
	}
}

// usage is the CPU time that the proxy has spent so far.
func (p *proxy) usage() (usage, error) {
	if p.child == nil {
		return usage{}, nil
	}
	return usageOf(p.pid())
}

// api is a client of acsgate's API.
func (p *proxy) api() *admin.Client { return &admin.Client{Address: p.admin, TokenFile: p.token} }

// port is the port of a host:port that is known to be well-formed.
func port(address string) string {
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		panic("address without port: " + address)
	}
	return p
}

// writeConfig writes a generated configuration into the run's directory.
func (b *bench) writeConfig(pattern, text string) (string, error) {
	f, err := os.CreateTemp(b.dir, pattern)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

// debianPackages are those whose name is not their program's.
var debianPackages = map[string]string{"stund": "stun-server", "turnserver": "coturn", "perf": "linux-perf"}

// look finds a program on PATH, or in sbin, which is not on every PATH.
func look(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	pkg := name
	if other, ok := debianPackages[name]; ok {
		pkg = other
	}
	return "", fmt.Errorf("%w: %s is not installed (Debian: apt install %s)", errLeftOut, name, pkg)
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// output gathers what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a gateway in a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *output
}

func startProcess(t *testing.T, binary, config string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, "run", "-config", config), log: &output{}}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() }) //nolint:errcheck // it may have ended
	p.await("\tready\t")
	return p
}

// await waits for text in the log.
func (p *process) await(text string) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(p.log.String(), text) {
			return
		}
	}
	p.t.Fatalf("no %q in the log:\n%s", text, p.log)
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// address is that of the listener, as the log gives it.
func (p *process) address() string {
	p.t.Helper()
	m := regexp.MustCompile(`"address": "([^"]+)"`).FindStringSubmatch(p.log.String())
	if m == nil {
		p.t.Fatalf("no address in the log:\n%s", p.log)
	}
	return m[1]
}

func buildGateway(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "acsgate")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func runACS(t *testing.T, name string) *simnet.ACS {
	t.Helper()
	a, err := simnet.NewACS(simnet.ACSConfig{Name: name, Mode: simnet.Strict})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a
}

func writeConfig(t *testing.T, path, url, extra string) {
	t.Helper()
	text := fmt.Sprintf("data_dir: %q\nlisten: [{name: cpe, address: \"127.0.0.1:0\"}]\nacs: [{name: north, url: %q}]\n"+
		"admin: {address: \"127.0.0.1:0\"}\ndevices: {flush_interval: 50ms}\n%s", filepath.Dir(path), url, extra)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// session holds one session of a CPE with the gateway.
func (p *process) session(number int) {
	t := p.t
	t.Helper()
	m, _ := simnet.MakeNamed("generic")
	c, err := simnet.NewCPE(simnet.CPEConfig{URL: "http://" + p.address() + "/", Make: m, Device: m.DeviceNumber(number)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Session(t.Context(), cwmp.EventPeriodic); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
}

// TestProcess: SIGHUP reloads, SIGKILL loses no device that was written, and
// SIGTERM drains and ends with success.
func TestProcess(t *testing.T) {
	binary := buildGateway(t)
	north, south := runACS(t, "north"), runACS(t, "south")
	config := filepath.Join(t.TempDir(), "acsgate.yaml")
	writeConfig(t, config, north.URL(), "")
	p := startProcess(t, binary, config)
	p.session(1)

	writeConfig(t, config, south.URL(), "")
	p.signal(syscall.SIGHUP)
	p.await("configuration reloaded")
	p.session(2)
	if n, s := north.Stats().Completed, south.Stats().Completed; n != 1 || s != 1 {
		t.Errorf("%d sessions at the old ACS, %d at the new", n, s)
	}
	writeConfig(t, config, south.URL(), "lisen: []\n")
	p.signal(syscall.SIGHUP)
	p.await("lisen: unknown key")
	p.session(3)

	time.Sleep(500 * time.Millisecond) // several flush intervals
	p.signal(syscall.SIGKILL)
	p.cmd.Wait() //nolint:errcheck // it was killed
	writeConfig(t, config, south.URL(), "")
	p = startProcess(t, binary, config)
	p.await(`registry loaded	{"devices": 3`)

	// A second gateway on the same store is told so.
	out, err := exec.Command(binary, "run", "-config", config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another") {
		t.Errorf("a second gateway on the store: %v\n%s", err, out)
	}

	hold, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, p.log)
	}
	p.await("draining")
}

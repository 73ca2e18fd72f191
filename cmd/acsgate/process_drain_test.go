package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestProcess_KilledInADrain: the gateway is killed while it sets the URLs of CPEs,
// again and again. Each CPE is set once, and all arrive.
func TestProcess_KilledInADrain(t *testing.T) {
	const devices = 24
	binary := buildGateway(t)
	north, south := runACS(t, "north"), runACS(t, "south")
	dir, listen, address := t.TempDir(), freeAddress(t), freeAddress(t)
	config, token := filepath.Join(dir, "acsgate.yaml"), filepath.Join(dir, "token")
	text := fmt.Sprintf("data_dir: %q\nlisten: [{name: cpe, address: %q}]\nacs:\n", dir, listen)
	for _, a := range []*simnet.ACS{north, south} {
		text += fmt.Sprintf("  - {name: %s, url: %q, cpe_url: \"http://%s/%[1]s\"}\n", a.Name(), a.URL(), listen)
	}
	text += fmt.Sprintf("routes: [{name: default, acs: north}]\nadmin: {address: %q, tokens: [{name: noc, role: admin, token_file: %q}]}\n", address, token)
	for file, content := range map[string]string{config: text, token: "a-token-of-an-operator"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startProcess(t, binary, config)
	f := &drained{t: t, sets: make([]int, devices)}
	for i := range devices {
		f.add(fmt.Sprintf("http://%s/north", listen), i+1)
		f.live(i)
	}
	drain := exec.Command(binary, "drain", "north", "-to", "south", "-rewrite", "-rate", "500/s", "-detach", "-admin", address, "-token-file", token)
	if out, err := drain.CombinedOutput(); err != nil || !strings.Contains(string(out), fmt.Sprintf("%d devices", devices)) {
		t.Fatalf("%v\n%s", err, out)
	}
	client := admin.Client{Address: address, TokenFile: token}
	f.eventually("all are asked", func() bool { return f.counts(client)["asked"] == devices })
	for kill := range 3 {
		var sessions atomic.Int32
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := kill * devices / 3; i < (kill+1)*devices/3; i++ {
				f.live(i)
				sessions.Add(1)
			}
		}()
		for sessions.Load() < 3 { // the kill hits whatever the next one is at
			time.Sleep(time.Millisecond)
		}
		p.signal(syscall.SIGKILL)
		p.cmd.Wait() //nolint:errcheck // it was killed
		<-done
		p = startProcess(t, binary, config)
	}
	f.eventually("all have arrived", func() bool {
		for i := range f.cpes {
			f.live(i)
		}
		return f.counts(client)["arrived"] == devices
	})
	for i, c := range f.cpes {
		if f.sets[i] != 1 || c.URL() != fmt.Sprintf("http://%s/south", listen) {
			t.Errorf("%s was set %d times, and has %s", c.Device(), f.sets[i], c.URL())
		}
	}
	f.eventually("the command says that it is done", func() bool {
		out, err := exec.Command(binary, "campaigns", "show", "drain-north", "-admin", address, "-token-file", token).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.Contains(string(out), "status    done")
	})
}

// drained are the CPEs of a drain.
type drained struct {
	t    *testing.T
	cpes []*simnet.CPE
	sets []int // how often each was set
}

func (f *drained) add(url string, number int) {
	f.t.Helper()
	m, _ := simnet.MakeNamed("easycwmp")
	c, err := simnet.NewCPE(simnet.CPEConfig{URL: url, Make: m, Device: m.DeviceNumber(number)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.cpes = append(f.cpes, c)
}

// live holds the sessions of a CPE, which fail while there is no gateway.
func (f *drained) live(i int) {
	held, _ := f.cpes[i].Live(f.t.Context(), simnet.Life{Sessions: 4, Retries: 1, Wait: simnet.NoWait}, cwmp.EventPeriodic)
	for _, h := range held {
		for _, rpc := range h.Result.RPCs {
			if rpc == cwmp.MethodSetParameterValues {
				f.sets[i]++
			}
		}
	}
}

func (f *drained) counts(client admin.Client) map[string]int {
	v, err := client.Campaign(f.t.Context(), "drain-north")
	if err != nil {
		f.t.Fatal(err)
	}
	return v.Counts
}

func (f *drained) eventually(what string, is func() bool) {
	f.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	f.t.Fatalf("never happened: %s", what)
}

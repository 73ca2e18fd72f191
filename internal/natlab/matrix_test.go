//go:build linux

package natlab

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/simnet"
)

var update = flag.Bool("update", false, "write testdata/matrix.md")

// hour is a keep-alive period that no test outlives.
const hour = time.Hour

const (
	yes      = "yes"
	no       = "**no**"
	blocked  = "blocked by the NAT"
	arrives  = "arrives; a wrong signature is refused"
	accepted = "**accepted**"
)

// row is what was seen behind one kind of NAT.
type row struct {
	kind                               Kind
	learned, woken                     string
	otherPort, otherAddress, otherHost string
	remark                             string
}

// TestMatrix proves for each kind of NAT that the binding is learned, that a
// Connection Request from the STUN socket wakes the CPE, and what becomes of the
// same datagram from elsewhere (quirk S-42). testdata/matrix.md is the result.
func TestMatrix(t *testing.T) {
	t.Parallel()
	rows := make([]row, len(Kinds()))
	t.Run("kinds", func(t *testing.T) {
		for i, kind := range Kinds() {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				rows[i] = measure(t, kind)
			})
		}
	})
	if rows[0].learned == "" {
		t.Skip("nothing was measured")
	}
	got := render(rows)
	t.Log("\n" + string(got))
	golden := filepath.Join("testdata", "matrix.md")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the matrix differs from %s (go test -run TestMatrix -update writes it):\n%s", golden, got)
	}
}

// TestReadmeShowsTheMatrix compares the copy of the matrix in the README.
func TestReadmeShowsTheMatrix(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := os.ReadFile(filepath.Join("testdata", "matrix.md"))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := bytes.Cut(matrix, []byte("\n"))
	if !bytes.Contains(readme, head) {
		t.Fatal("the README shows no matrix")
	}
	if !bytes.Contains(readme, matrix) {
		t.Error("the matrix in the README differs from testdata/matrix.md")
	}
}

// render writes the matrix as Markdown.
func render(rows []row) []byte {
	var b bytes.Buffer
	b.WriteString("| NAT | Binding learned | UDP Connection Request wakes the CPE | Same datagram from another port of the server | from another address of the server | from another host | Besides |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.kind, r.learned, r.woken, r.otherPort, r.otherAddress, r.otherHost, r.remark)
	}
	return b.Bytes()
}

// measure fills one row.
func measure(t *testing.T, kind Kind) row {
	l := New(t, kind)
	g := startGateway(t, l)
	others := elsewhere(l)
	cpes := make([]*cpe, len(l.CPEs))
	for i, h := range l.CPEs {
		cpes[i] = startCPE(t, g, h, "standard", i+1, CPEPort, hour)
	}
	for _, c := range cpes {
		g.learned(t, c)
	}
	r := row{kind: kind, learned: yes, woken: yes}
	var cells [3]string
	for i, c := range cpes {
		payload, ok := g.wakeAndForge(t, c, others)
		if !ok {
			r.woken = no
		}
		g.settle(t, c, payload)
		for n, s := range others {
			if cell := judge(c.reached(local(s)), payload); i == 0 {
				cells[n] = cell
			} else if cell != cells[n] {
				t.Errorf("CPE %d: %s, CPE 1: %s", i+1, cell, cells[n])
			}
		}
		for j, other := range cpes[i+1:] {
			if other.any() {
				t.Errorf("what was for CPE %d has reached CPE %d", i+1, i+j+2)
			}
		}
	}
	r.otherPort, r.otherAddress, r.otherHost = cells[0], cells[1], cells[2]
	port, address := kind.Reaches()
	for n, reaches := range []bool{port, address, address} {
		if want := map[bool]string{true: arrives, false: blocked}[reaches]; cells[n] != want {
			t.Errorf("from %v: %s, want: %s", local(others[n]), cells[n], want)
		}
	}
	r.remark = remark(t, g, cpes)
	return r
}

// wakeAndForge makes a Connection Request. When its first copy has left, the same
// datagram and one with a wrong signature are sent from elsewhere too.
func (g *gateway) wakeAndForge(t *testing.T, c *cpe, others []*net.UDPConn) (payload []byte, ok bool) {
	t.Helper()
	g.mu.Lock()
	g.also = func(to netip.AddrPort, payload []byte) {
		for _, s := range others {
			for _, d := range [][]byte{payload, forge(payload)} {
				_, _ = s.WriteToUDPAddrPort(d, to)
			}
		}
	}
	g.mu.Unlock()
	ok = g.wakes(t, c)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sent, ok
}

// forge changes one digit of the signature.
func forge(payload []byte) []byte {
	before, after, _ := bytes.Cut(payload, []byte("&sig="))
	digit := byte('0')
	if after[0] == digit {
		digit = '1'
	}
	return slices.Concat(before, []byte("&sig="), []byte{digit}, after[1:])
}

// settle waits for what is under way to a CPE: a copy of the request that is sent
// last must have arrived.
func (g *gateway) settle(t *testing.T, c *cpe, payload []byte) {
	t.Helper()
	time.Sleep(settle)
	server := g.lab.ServerAddr()
	before := len(c.reached(server))
	if err := g.stun.SendFrom(server, c.client.Status().Mapped, payload); err != nil {
		t.Fatal(err)
	}
	if !until(func() bool { return len(c.reached(server)) > before }) {
		t.Error("a copy of the request does not arrive")
	}
}

// judge says what became of the datagrams that were sent from one other place.
func judge(arrivals []arrival, payload []byte) string {
	forged := string(forge(payload))
	cell := blocked
	for _, a := range arrivals {
		switch {
		case a.raw != forged:
		case a.rule == simnet.RuleSignature && cell == blocked:
			cell = arrives
		default:
			cell = accepted
		}
	}
	if cell == blocked && len(arrivals) != 0 {
		return "arrives in part"
	}
	return cell
}

// remark is what is particular to a kind.
func remark(t *testing.T, g *gateway, cpes []*cpe) string {
	t.Helper()
	c := cpes[0]
	switch g.lab.Kind {
	case TwoCPEs:
		return "each CPE is woken alone"
	case Changing:
		before := g.learned(t, c)
		g.lab.Remap()
		g.lost(t, c)
		c.restart(t)
		if after := g.learned(t, c); after == before {
			t.Errorf("mapping is still %v", after)
		}
		g.wakes(t, c)
		return "no way in through the old mapping; woken through the new one after the next keep-alive"
	case Forgetful:
		expire()
		g.lost(t, c)
		c.restart(t)
		g.learned(t, c)
		g.wakes(t, c)
		return "no way in once the mapping has expired; woken again after the next keep-alive"
	}
	return ""
}

// lost makes a Connection Request that must not arrive.
func (g *gateway) lost(t *testing.T, c *cpe) {
	t.Helper()
	before := len(c.reached(g.lab.ServerAddr()))
	if r := g.wake(t, c); r.OK {
		t.Errorf("CPE is woken through a mapping that is no more: %+v", r)
	}
	if after := len(c.reached(g.lab.ServerAddr())); after != before {
		t.Errorf("%d datagrams have arrived through a mapping that is no more", after-before)
	}
}

// TestS42_EveryClientBehindSymmetricNAT wakes each real client through the NAT that
// is the hardest for everything but TR-111, also the one that reports a wrong port
// (quirk S-12).
func TestS42_EveryClientBehindSymmetricNAT(t *testing.T) {
	t.Parallel()
	l := New(t, Symmetric)
	g := startGateway(t, l)
	for i, p := range simnet.STUNProfiles() {
		t.Run(p.Name, func(t *testing.T) {
			c := startCPE(t, g, l.CPEs[0], p.Name, i+1, CPEPort+i, hour)
			g.learned(t, c)
			g.wakes(t, c)
		})
	}
}

// TestBindingIsNotStolen: who knows a CPE's STUN user name and asks from another
// address becomes a candidate at most, and no datagram goes there.
func TestBindingIsNotStolen(t *testing.T) {
	t.Parallel()
	l := New(t, Symmetric)
	g := startGateway(t, l)
	c := startCPE(t, g, l.CPEs[0], "standard", 1, CPEPort, hour)
	remote := g.learned(t, c)
	cfg := c.cfg
	cfg.Conn = l.Attacker.ListenUDP(netip.AddrPortFrom(l.Attacker.Addrs[0], CPEPort))
	cfg.MinKeepAlive = 50 * time.Millisecond
	cfg.Bound = nil
	thief, err := simnet.NewSTUNClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	background(t, thief.Run)
	var b binding.Binding
	if !until(func() bool {
		b, _ = g.table.Lookup(c.device)
		return b.Candidate == local(cfg.Conn.(*net.UDPConn)) && thief.Status().Replies >= 5
	}) {
		t.Fatalf("attacker is not even a candidate: %+v", b)
	}
	if b.Remote != remote {
		t.Errorf("binding is %v, was %v", b.Remote, remote)
	}
	g.wakes(t, c)
	time.Sleep(settle)
	if s := thief.Status(); s.Requested+s.Refused != 0 {
		t.Errorf("attacker was sent a Connection Request: %+v", s)
	}
}

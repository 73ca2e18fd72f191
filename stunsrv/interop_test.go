package stunsrv

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// interopVariable is set to "required" where the programs of these tests must be
// installed; elsewhere a test whose program is missing is skipped.
const interopVariable = "ACSGATE_INTEROP"

// clientProgram returns a program of others, or skips the test.
func clientProgram(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv(interopVariable) == "required":
		t.Fatalf("%s=required, and %s is missing: apt install %s", interopVariable, name, debian)
	default:
		t.Skipf("%s is missing: it comes with Debian's %s", name, debian)
	}
	return ""
}

// runClient returns what a program prints.
func runClient(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patient)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	text, err := cmd.CombinedOutput() // stun tells its result by its exit code
	if ctx.Err() != nil || cmd.ProcessState == nil {
		t.Fatalf("%s: %v, it said:\n%s", cmd, err, text)
	}
	return string(text)
}

// wantLines fails unless the text has all of the lines, in that order.
func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	rest := text
	for _, line := range lines {
		_, after, ok := strings.Cut(rest, line)
		if !ok {
			t.Fatalf("no %q in its place in what the client said:\n%s", line, text)
		}
		rest = after
	}
}

// startOne runs a server of one socket, startFour one of the four that
// CHANGE-REQUEST needs; both return where clients go.
func startOne(t *testing.T) netip.AddrPort {
	t.Helper()
	return startServer(t, Config{Listen: []string{"127.0.0.1:0"}}, quiet()).Addrs()[0]
}

func startFour(t *testing.T) (asked, other netip.AddrPort) {
	t.Helper()
	s := startServer(t, Config{Listen: []string{"127.0.0.1:0", "127.0.0.2:0"}}, quiet())
	return s.Addrs()[0], s.Addrs()[1]
}

// detect runs Debian's stun, which binds two ports of its own choice and gives up
// where one is taken.
func detect(t *testing.T, program string, to netip.AddrPort) (text string) {
	t.Helper()
	for range 5 {
		text = runClient(t, program, to.String(), "-v")
		if !strings.Contains(text, "Some problem opening port") {
			break
		}
	}
	return text
}

// TestInterop_Stun has the classic client of RFC 3489, whose server Debian's stund
// is, detect the kind of NAT: there is none, and with one socket to ask it cannot
// tell that from a firewall.
func TestInterop_Stun(t *testing.T) {
	program := clientProgram(t, "stun", "stun-client")
	t.Run("four sockets", func(t *testing.T) {
		t.Parallel() // it waits for what may not come
		to, other := startFour(t)
		text := detect(t, program, to)
		wantLines(t, text, "MappedAddress = 127.0.0.1:", "SourceAddress = "+to.String(), "ChangedAddress = "+other.String())
		wantLines(t, text, "test I = 1", "test II = 1", "test III = 1", "test I(2) = 1", "is nat  = 0", "mapped IP same = 1", "Primary: Open")
	})
	t.Run("one socket", func(t *testing.T) {
		t.Parallel()
		text := detect(t, program, startOne(t))
		wantLines(t, text, "test I = 1", "test II = 0", "test III = 0", "is nat  = 0", "mapped IP same = 1", "Primary: Firewall")
	})
}

// TestInterop_Stunclient has coturn's client ask as RFC 5780 has it.
func TestInterop_Stunclient(t *testing.T) {
	program := clientProgram(t, "turnutils_stunclient", "coturn")
	t.Run("four sockets", func(t *testing.T) {
		to, other := startFour(t)
		text := runClient(t, program, "-f", "-p", strconv.Itoa(int(to.Port())), to.Addr().String())
		wantLines(t, text,
			"RFC 5780 response 1", "Response origin: : "+to.String(), "Other addr: : "+other.String(), "UDP reflexive addr: 127.0.0.1:",
			"RFC 5780 response 2", "Response origin: : "+other.String(), "UDP reflexive addr: 127.0.0.1:",
			"RFC 5780 response 3", "UDP reflexive addr: 127.0.0.1:")
	})
	t.Run("one socket", func(t *testing.T) {
		to := startOne(t)
		text := runClient(t, program, "-p", strconv.Itoa(int(to.Port())), to.Addr().String())
		wantLines(t, text, "UDP reflexive addr: 127.0.0.1:")
		if strings.Contains(text, "RFC 5780") {
			t.Errorf("a server of one address passes for one of RFC 5780:\n%s", text)
		}
	})
}

// TestInterop_Natdiscovery has coturn's client find out how a NAT maps and filters
// (RFC 5780 4.3 and 4.4), and whether it has a hairpin.
func TestInterop_Natdiscovery(t *testing.T) {
	program := clientProgram(t, "turnutils_natdiscovery", "coturn")
	to, other := startFour(t)
	port := strconv.Itoa(int(to.Port()))
	t.Run("mapping", func(t *testing.T) {
		text := runClient(t, program, "-m", "-p", port, to.Addr().String())
		wantLines(t, text, "Mapping Behavior Discovery", "No ALG: Mapped == XOR-Mapped", "Response origin: : "+to.String(),
			"Other addr: : "+other.String(), "NAT with Endpoint Independent Mapping!")
	})
	t.Run("mapping, from a known address", func(t *testing.T) {
		text := runClient(t, program, "-m", "-L", "127.0.0.1", "-p", port, to.Addr().String())
		wantLines(t, text, "UDP reflexive addr: 127.0.0.1:", "Local addr: : 127.0.0.1:", "No NAT")
	})
	t.Run("filtering", func(t *testing.T) {
		text := runClient(t, program, "-f", "-p", port, to.Addr().String())
		wantLines(t, text, "Filtering Behavior Discovery", "Response origin: : "+to.String(), "Response origin: : "+other.String(),
			"NAT with Endpoint Independent Filtering!")
	})
	t.Run("hairpin", func(t *testing.T) {
		text := runClient(t, program, "-H", "-p", port, to.Addr().String())
		wantLines(t, text, "UDP reflexive addr: 127.0.0.1:", "Received a request (maybe a successful hairpinning)")
	})
}

// TestInterop_Programs keeps the tests of the TURN relay from being skipped where
// the programs of all such tests must be there.
func TestInterop_Programs(t *testing.T) { clientProgram(t, "turnutils_uclient", "coturn") }

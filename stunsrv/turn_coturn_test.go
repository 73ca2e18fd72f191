package stunsrv

import (
	"context"
	"os/exec"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestTURN_Coturn has coturn's client sign in and send messages of its own. It
// gets what it asks for up to the messages: none is a Connection Request, so none
// is relayed.
func TestTURN_Coturn(t *testing.T) {
	program, err := exec.LookPath("turnutils_uclient")
	if err != nil {
		t.Skip("turnutils_uclient is missing: it comes with Debian's coturn")
	}
	const messages = 3
	for name, tc := range map[string]struct {
		user  string
		flags []string
	}{
		"channel, time-limited":   {"acs-3", []string{"-W", turnSecretText}},
		"indication, IPv4 wanted": {"acs-1", []string{"-w", "acs-1-password", "-s", "-X"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it takes its time
			w := startTURN(t, nil)
			peer := newCPE(t, "127.0.0.1")
			w.entitle(tc.user, peer)
			args := append(tc.flags, "-u", tc.user, "-c", "-n", strconv.Itoa(messages),
				"-L", "127.0.0.1", "-e", "127.0.0.1", "-r", strconv.Itoa(int(peer.address().Port())),
				"-p", strconv.Itoa(int(w.addr.Port())), "127.0.0.1")
			ctx, cancel := context.WithCancel(t.Context())
			client := exec.CommandContext(ctx, program, args...)
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all messages are refused", func() bool { return w.result(turnNotRequest) >= messages })
			if w.held(tc.user) == 0 {
				t.Error("no allocation")
			}
			cancel() // it would wait for its messages to come back
			_ = client.Wait()
			peer.silent(w.addr)
			complaints := testutil.ToFloat64(w.relay.metrics.complaints)
			if w.result(turnSent) != 0 || w.fate(turnBadCredentials) != 0 || w.fate(turnUnmet) != 0 || complaints != 0 {
				t.Errorf("%d sent, %d with bad credentials, %d unmet, %v complaints",
					w.result(turnSent), w.fate(turnBadCredentials), w.fate(turnUnmet), complaints)
			}
		})
	}
}

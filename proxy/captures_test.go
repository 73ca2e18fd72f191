package proxy

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/acsgate/acsgate/internal/httpwire"
	"github.com/acsgate/acsgate/internal/simnet/capture"
)

// TestCaptures carries every captured conversation of a real client to its end,
// and changes nothing but what it says it changes.
func TestCaptures(t *testing.T) {
	names := capture.Names()
	if len(names) < 7 {
		t.Fatalf("only %d captures", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			conv := capture.Load(name)
			turns := conv.Turns()
			var next atomic.Int64
			acs := newACS(t, func(seen) string { return string(turns[next.Add(1)-1].Reply.Raw) })
			g := newGate(t, []*fakeACS{acs})
			replies, err := conv.Play(context.Background(), g.addr)
			if err != nil {
				t.Fatal(err)
			}
			if len(replies) != len(turns) || len(acs.requests()) != len(turns) {
				t.Fatalf("%d turns, %d replies, %d requests at the ACS", len(turns), len(replies), len(acs.requests()))
			}
			for i, turn := range turns {
				compareRequest(t, turn.Request, acs.requests()[i])
				compareReply(t, turn.Reply, replies[i])
			}
			sessions := len(conv.Sessions())
			for _, outcome := range g.outcomes(sessions) {
				if outcome != Complete {
					t.Errorf("outcome %q", outcome)
				}
			}
		})
	}
}

// ours are the fields that the gateway owns on one side or the other.
var ours = []string{"Host", "Connection", "Keep-Alive", "Cookie", "Set-Cookie", "Content-Length", "Forwarded",
	"X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "Accept-Encoding"}

// foreign returns the fields that must pass untouched, in order.
func foreign(fields httpwire.Fields) string {
	var b strings.Builder
next:
	for _, f := range fields {
		for _, name := range ours {
			if strings.EqualFold(f.Name, name) {
				continue next
			}
		}
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return b.String()
}

func compareRequest(t *testing.T, sent capture.Message, got seen) {
	t.Helper()
	req, body, err := sent.Request()
	if err != nil {
		t.Fatal(err)
	}
	if got.body != body || got.head.Method != req.Method || got.head.Target != req.Target {
		t.Errorf("%s became %s %s with\n%s", sent.Name, got.head.Method, got.head.Target, got.body)
	}
	if want := foreign(req.Fields); foreign(got.head.Fields) != want {
		t.Errorf("%s: header\n%sbecame\n%s", sent.Name, want, foreign(got.head.Fields))
	}
	if host := req.Fields.Get("Host"); got.head.Fields.Get("Host") != host {
		t.Errorf("%s: Host %q became %q", sent.Name, host, got.head.Fields.Get("Host"))
	}
	if strings.Contains(body, "Inform>") {
		return // genieacs-sim sends the last session's cookie, which a new session has not
	}
	want, _, _ := strings.Cut(req.Fields.Get("Cookie"), ";") // netcwmp echoes attributes, the jar does not
	if got.head.Fields.Get("Cookie") != want {
		t.Errorf("%s: the ACS got cookie %q, want its own %q", sent.Name, got.head.Fields.Get("Cookie"), want)
	}
}

func compareReply(t *testing.T, sent capture.Message, got capture.Reply) {
	t.Helper()
	resp, body, err := sent.Response()
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != resp.Status || got.Reason != resp.Reason || string(got.Body) != body {
		t.Errorf("%s became %d %s with\n%s", sent.Name, got.Status, got.Reason, got.Body)
	}
	want := foreign(resp.Fields)
	if resp.Status == 204 {
		want = strings.ReplaceAll(want, "Content-Type: text/xml; charset=\"utf-8\"\n", "")
	}
	if foreign(got.Fields) != want {
		t.Errorf("%s: header\n%sbecame\n%s", sent.Name, want, foreign(got.Fields))
	}
}

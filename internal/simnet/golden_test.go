package simnet_test

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/simnet/capture"
)

// TestMakesReproduceCaptures lets the simulated makes talk to the captured ACS
// and compares every byte that they send with what the real client sent.
func TestMakesReproduceCaptures(t *testing.T) {
	tests := map[string]struct {
		make string
		auth simnet.AuthMode
		user string
		pass string
	}{
		"easycwmp":          {"easycwmp", simnet.AuthNone, "", ""},
		"easycwmp-digest":   {"easycwmp", simnet.AuthDigest, "cpe1", "cpepw"},
		"netcwmp":           {"netcwmp", simnet.AuthNone, "", ""},
		"netcwmp-digest":    {"netcwmp", simnet.AuthDigest, "cpe1", "cpepw"},
		"tr069agent":        {"tr069agent", simnet.AuthBasic, "cpe1", "cpepw"},
		"tr069agent-digest": {"tr069agent", simnet.AuthDigest, "cpe1", "cpepw"},
		"genieacs-sim":      {"genieacs-sim", simnet.AuthBasic, "8KA8WA1151100043", ""},
	}
	for _, name := range capture.Names() {
		t.Run(name, func(t *testing.T) {
			tt := tests[name]
			m, ok := simnet.MakeNamed(tt.make)
			if !ok {
				t.Fatalf("no make for capture %q", name)
			}
			g := &golden{t: t, capture: capture.Load(name)}
			g.acs = g.startACS()
			c := g.newCPE(m, tt.auth, tt.user, tt.pass)
			for _, session := range g.capture.Sessions() {
				g.session(c, session)
			}
		})
	}
}

type golden struct {
	t       *testing.T
	capture capture.Conversation
	acs     *simnet.ACS
	now     time.Time
	id      string
	cnonce  string
	seen    int
}

func (g *golden) startACS() *simnet.ACS {
	a, err := simnet.NewACS(simnet.ACSConfig{Misbehave: g.capture.Answers()})
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	g.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			g.t.Error(err)
		}
	})
	return a
}

// newCPE makes a CPE with the captured one's identity and data model; its
// connections lead to the ACS of the test whatever host its URL names.
func (g *golden) newCPE(m simnet.Make, auth simnet.AuthMode, user, pass string) *simnet.CPE {
	first := g.captured(g.capture.Turns(), "Inform")
	msg := scan(g.t, first)
	m.Inform = parameters(g.t, m, first)
	req, _, err := g.capture.Turns()[0].Request.Request()
	if err != nil {
		g.t.Fatal(err)
	}
	c, err := simnet.NewCPE(simnet.CPEConfig{
		URL: "http://" + req.Fields.Get("Host") + req.Target, Make: m, Device: deviceOf(msg, first),
		Auth: auth, Username: user, Password: pass, Parameters: g.model(m), Now: func() time.Time { return g.now }, Trace: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, g.acs.Addr())
		},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	c.FixRandom(func() string { return g.id }, func() string { return g.cnonce })
	return c
}

// deviceOf is the identity as it is spelled; Scan normalises the OUI.
func deviceOf(msg cwmp.Message, body string) cwmp.DeviceID {
	id := msg.Device
	if m := regexp.MustCompile(`<OUI[^>]*>([^<]*)</OUI>`).FindStringSubmatch(body); m != nil {
		id.OUI = m[1]
	}
	return id
}

// session holds one session and compares it with the captured one.
func (g *golden) session(c *simnet.CPE, turns []capture.Turn) {
	t := g.t
	inform := g.captured(turns, "Inform")
	msg := scan(t, inform)
	g.id, g.now = msg.ID, currentTime(t, inform)
	g.cnonce = firstMatch(`cnonce="([^"]*)"`, requests(turns))
	for _, p := range parameters(t, c.Make(), inform) {
		c.Tree().Put(p.Name, p.Value)
	}
	var events []string
	for _, e := range msg.Events {
		events = append(events, e.Code)
	}
	if r, err := c.Session(t.Context(), events...); err != nil {
		t.Fatalf("%v after %v", err, r.Statuses())
	}
	seen := g.acs.Exchanges()[g.seen:]
	g.seen += len(seen)
	if len(seen) != len(turns) {
		t.Fatalf("%d requests, the captured session has %d", len(seen), len(turns))
	}
	for i, turn := range turns {
		want, got := string(turn.Request.Raw), seen[i].Head+string(seen[i].Body)
		if strings.Contains(want, "GetParameterNamesResponse") {
			want, got = unlisted(want), unlisted(got)
		}
		if diff := cmp.Diff(strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")); diff != "" {
			t.Errorf("%s (-real +simulated):\n%s", turn.Request.Name, diff)
		}
	}
}

// unlisted removes what depends on the whole data model of the real client:
// the list of names and the lengths that follow from it. tr069agent declares
// xsd only where it is used.
func unlisted(s string) string {
	s = regexp.MustCompile(`(?s)<ParameterInfoStruct>.*</ParameterInfoStruct>`).ReplaceAllString(s, "")
	s = regexp.MustCompile(`ParameterInfoStruct\[\d+\]|Content-Length: \d+`).ReplaceAllString(s, "")
	return strings.ReplaceAll(s, ` xmlns:xsd="http://www.w3.org/2001/XMLSchema"`, "")
}

// captured returns the body of the first message of that method.
func (g *golden) captured(turns []capture.Turn, method string) string {
	for _, turn := range turns {
		if _, body, err := turn.Request.Request(); err == nil && strings.Contains(body, ":"+method+">") {
			return body
		}
	}
	g.t.Fatalf("capture has no %s", method)
	return ""
}

// model is the data model: that of the Inform and what the ACS asked for.
func (g *golden) model(m simnet.Make) []simnet.Parameter {
	params := m.Inform
	for _, turn := range g.capture.Turns() {
		if _, body, err := turn.Request.Request(); err == nil && strings.Contains(body, "GetParameterValuesResponse>") {
			params = append(params, parameters(g.t, m, body)...)
		}
	}
	return params
}

// parameters reads the ParameterValueStructs of a message.
func parameters(t *testing.T, _ simnet.Make, body string) []simnet.Parameter {
	t.Helper()
	msg, err := cwmp.Scan([]byte(body), cwmp.Options{Params: func([]byte) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	var list []simnet.Parameter
	for _, p := range msg.Params {
		list = append(list, simnet.Parameter{Name: p.Name, Value: p.Value, Type: p.Type})
	}
	return list
}

func scan(t *testing.T, body string) cwmp.Message {
	t.Helper()
	msg, err := cwmp.Scan([]byte(body), cwmp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func currentTime(t *testing.T, body string) time.Time {
	t.Helper()
	text := firstMatch(`<CurrentTime[^>]*>([^<]*)<`, []byte(body))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	t.Fatalf("CurrentTime %q", text)
	return time.Time{}
}

func requests(turns []capture.Turn) []byte {
	var b bytes.Buffer
	for _, turn := range turns {
		b.Write(turn.Request.Raw)
	}
	return b.Bytes()
}

func firstMatch(pattern string, b []byte) string {
	if m := regexp.MustCompile(pattern).FindSubmatch(b); m != nil {
		return string(m[1])
	}
	return ""
}

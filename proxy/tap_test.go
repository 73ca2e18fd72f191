package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/capture"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// wire is a tap that writes down what it is told.
type wire struct {
	mu      sync.Mutex
	begun   []TapSession
	heads   []string
	bodies  []string
	outcome string
}

func (w *wire) Begin(s TapSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = append(w.begun, s)
}

func (w *wire) Message(m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%d %s %s%s%s", m.Leg, m.Direction, m.Method, m.Target, m.Error)
	if m.Status > 0 {
		line += fmt.Sprint(m.Status)
	}
	if m.Own {
		line += " own"
	}
	if m.Secure {
		line += " secure"
	}
	w.heads = append(w.heads, line)
	w.bodies = append(w.bodies, string(m.Body))
}

func (w *wire) End(_ time.Time, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome = outcome
}

func (w *wire) option(_ *Config, d *Deps) {
	d.Capture = func(id cwmp.DeviceID) Tap {
		if id.SerialNumber != "1" {
			return nil
		}
		return w
	}
}

// TestTap sees both sides of a session, from the very Inform on, before and after
// the gateway's edits, what the gateway says itself included.
func TestTap(t *testing.T) {
	secure := withTLS(t, tlsconf.ListenerConfig{ClientAuth: tlsconf.ClientAuthIfGiven})
	acs := newACS(t, func(r seen) string {
		if r.msg.Method == "Inform" && !r.head.Fields.Has("Authorization") {
			return challenge("n1")
		}
		return plainACS(r)
	})
	var w wire
	g := newGate(t, []*fakeACS{acs}, secure.option, w.option, injecting(asks("move", getURL())).option, func(_ *Config, d *Deps) {
		d.Shown = func(cwmp.DeviceID, Reported) Shown { return Shown{ConnectionRequestURL: "http://gateway/"} }
	})
	told1 := strings.ReplaceAll(bigInform("http://192.0.2.1/"), "%d", "1")
	p := g.dialTLS(secure.client("1"))
	p.ask(post(told1))
	p.ask(post(told1, digestLine("n1", "u")))
	m := told(t, p.ask(post("", digestLine("n1", "u"))), "GetParameterValues")
	answer := values(m.ID, mURL, "x")
	statusOf(t, p.ask(post(answer)), 204)
	g.dialTLS(secure.client("2")).ask(post(inform("2")))
	g.outcomes(1)

	w.mu.Lock()
	defer w.mu.Unlock()
	want := []string{
		"1 cpe>gateway POST/cwmp secure", "1 gateway>acs POST/cwmp", "1 acs>gateway 401", "1 gateway>cpe 401 secure",
		"2 cpe>gateway POST/cwmp secure", "2 gateway>acs POST/cwmp", "2 acs>gateway 200", "2 gateway>cpe 200 secure",
		"3 cpe>gateway POST/cwmp secure", "3 gateway>acs POST/cwmp", "3 acs>gateway 204", "3 gateway>cpe 200 own secure",
		"4 cpe>gateway POST/cwmp secure", "4 gateway>cpe 204 own secure",
	}
	if !slices.Equal(w.heads, want) {
		t.Errorf("tapped\n%s\nwant\n%s", strings.Join(w.heads, "\n"), strings.Join(want, "\n"))
	}
	if w.bodies[0] != told1 || !strings.Contains(w.bodies[1], "http://gateway/") || w.bodies[12] != answer || !strings.Contains(w.bodies[11], m.ID) {
		t.Errorf("bodies %q", w.bodies)
	}
	if len(w.begun) != 1 || w.outcome != Complete {
		t.Fatalf("%d begun, %s", len(w.begun), w.outcome)
	}
	if b := w.begun[0]; b.Device != device("1") || b.TLS != "TLS 1.3" || b.CipherSuite == "" || b.ServerName != "acs.example" ||
		b.ClientCert != "CN=00D09E-HG1-1" || b.ACS != "a" || b.Listener != "cpe" || !b.Remote.IsValid() || !b.Local.IsValid() {
		t.Errorf("%+v", b)
	}
}

// TestTapWithoutAnAnswer tells why there is none.
func TestTapWithoutAnAnswer(t *testing.T) {
	var w wire
	g := newGate(t, []*fakeACS{newACS(t, func(seen) string { return "" })}, w.option)
	statusOf(t, g.dial().ask(post(inform("1"))), 503)
	g.outcomes(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	want := []string{"1 cpe>gateway POST/cwmp", "1 gateway>acs POST/cwmp", "1 acs>gateway answer: EOF", "1 gateway>cpe 503 own"}
	if !slices.Equal(w.heads, want) || w.outcome != ACSFailed {
		t.Errorf("%q, %s", w.heads, w.outcome)
	}
}

// tape makes a recorder a tap, as the gateway does.
type tape struct{ *capture.Tape }

func (t tape) Begin(s TapSession) { t.Tape.Begin(capture.Session(s)) }
func (t tape) Message(m Message)  { t.Tape.Message(capture.Message(m)) }

// TestCaptureOfASession records a session that begins before the capture, and the
// next as a whole, and shows no secret of either.
func TestCaptureOfASession(t *testing.T) {
	const secret = "hunter2Qx7SECRETzz"
	captures, err := capture.New(capture.Config{}, capture.Deps{Now: time.Now, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	set := xml200(cwmp.SetParameterValues(cwmp.DefaultDialect, "s", []cwmp.Param{{Name: "Device.WiFi.AccessPoint.1.Security.KeyPassphrase", Value: secret}}, "k"), "Set-Cookie: acs="+secret)
	g := newGate(t, []*fakeACS{newACS(t, func(r seen) string {
		if r.msg.Kind == cwmp.Empty {
			return set
		}
		return plainACS(r)
	})}, func(_ *Config, d *Deps) {
		d.Capture = func(id cwmp.DeviceID) Tap {
			if t := captures.Tap(id); t != nil {
				return tape{t}
			}
			return nil
		}
	})
	digest := `Authorization: Digest username="u", realm="r", nonce="n", uri="/cwmp", response="` + secret + `"`
	var id string
	for i := range 2 {
		p := g.dial()
		cookie := p.ask(post(inform("1"), digest)).cookie(t)
		if i == 0 {
			v, err := captures.Start(device("1"), "alice", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			id = v.ID
		}
		p.ask(post("", "Cookie: "+cookie))
		fault := string(cwmp.FaultEnvelope(cwmp.DefaultDialect, "s", "9003", "what is "+secret))
		statusOf(t, p.ask(post(fault, "Cookie: "+cookie)), 204)
		p.hangUp()
	}
	g.outcomes(2)
	v, _ := captures.Get(id)
	if v.Sessions != 2 || v.Messages != 8+12 || v.Cut != 0 {
		t.Errorf("%+v", v)
	}
	for _, format := range []string{capture.Text, capture.HAR} {
		var b bytes.Buffer
		if err := captures.Write(&b, id, format); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, want := range []string{"InformResponse", "KeyPassphrase", "[masked]", "Forwarded", "X-Real-IP", "204", "complete"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s:\n%s", format, want, text)
			}
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s shows a secret:\n%s", format, text)
		}
	}
}

// TestCaptureIsAskedForNothingElse: not for sessions that nobody is known in.
func TestCaptureIsAskedForNothingElse(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	g := newGate(t, []*fakeACS{newACS(t, nil)}, func(_ *Config, d *Deps) {
		d.Capture = func(cwmp.DeviceID) Tap { mu.Lock(); defer mu.Unlock(); asked++; return nil }
	})
	p := g.dial()
	p.ask(post(""))
	p.ask(post(inform("1")))
	mu.Lock()
	defer mu.Unlock()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

package simnet

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	oldURL = "http://old.example/acs"
	newURL = "http://new.example:7547/cwmp?x=1"
)

// urlPair is two ACSs that CPEs know by name.
type urlPair struct {
	old, new *ACS
	names    *Names
}

func newPair(t *testing.T, old, fresh ACSConfig) urlPair {
	t.Helper()
	p := urlPair{old: startACS(t, old), new: startACS(t, fresh), names: &Names{}}
	p.names.Set("old.example", p.old.Addr())
	p.names.Set("new.example:7547", p.new.Addr())
	return p
}

// cpe makes a CPE that begins at the old ACS.
func (p urlPair) cpe(t *testing.T, m Make, change func(*CPEConfig)) *CPE {
	t.Helper()
	return newTestCPE(t, p.old, m, func(c *CPEConfig) {
		c.URL, c.Resolve = oldURL, p.names.Resolve
		if change != nil {
			change(c)
		}
	})
}

// live holds sessions until nothing is pending.
func live(t *testing.T, c *CPE, events ...string) ([]Held, error) {
	t.Helper()
	return c.Live(t.Context(), Life{Wait: NoWait, Retries: 4, Random: func() float64 { return 0 }}, events...)
}

// informs are the events of each session that an ACS has seen.
func informs(a *ACS) []string {
	var seen []string
	for _, x := range a.Exchanges() {
		if isInform(x) && x.Status == 200 {
			seen = append(seen, eventList(x.Message.Events))
		}
	}
	return seen
}

// answerTo is the CPE's answer to the first SetParameterValues, or nil.
func answerTo(a *ACS) *Exchange {
	for i, x := range a.Exchanges() {
		if x.Replied == cwmp.MethodSetParameterValues && i+1 < len(a.Exchanges()) {
			if next := a.Exchanges()[i+1]; next.Session == x.Session {
				return next
			}
		}
	}
	return nil
}

// moving is an ACS that moves each device once, by a request with the ID of a
// gateway's.
func moving(root string) ACSConfig {
	return ACSConfig{
		Auth: ACSAuth{Scheme: "basic", Password: func(user string) (string, bool) {
			return user + "pw", user == "old" || user == "new" // a CPE whose login is torn may go on
		}},
		Script: Once(RPC{Method: cwmp.MethodSetParameterValues, Raw: cwmp.SetParameterValues(cwmp.DefaultDialect, InjectedIDs+"1", []cwmp.Param{
			{Name: root + "ManagementServer.Username", Value: "new"},
			{Name: root + "ManagementServer.Password", Value: "newpw"},
			{Name: root + "ManagementServer.URL", Value: newURL},
		}, "")}),
	}
}

// TestURLHabits holds each habit, below both roots, to what it says of itself.
func TestURLHabits(t *testing.T) {
	for _, root := range []string{RootTR098, RootTR181} {
		for _, h := range URLHabits() {
			t.Run(strings.TrimSuffix(root, ".")+"/"+h.Name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, moving(root), ACSConfig{Auth: ACSAuth{Scheme: "digest", QOP: "auth", Password: OneUser("new", "newpw")}})
				c := p.cpe(t, h.On(generic().WithRoot(root)), func(c *CPEConfig) { c.Username, c.Password = "old", "oldpw" })
				held, err := live(t, c, cwmp.EventPeriodic)
				checkAnswer(t, h, p.old)
				if broke := held[0].Err != nil; broke != h.Breaks {
					t.Errorf("first session: %v", held[0].Err)
				}
				if h.Lacks == nil {
					login := c.Tree().Under(root + "ManagementServer.Username")[0].Value
					if want := map[bool]string{true: "new", false: "old"}[h.Torn || h.Arrival != ArrivesNot]; login != want {
						t.Errorf("Username is %q, want %q", login, want)
					} else if h.Arrival != ArrivesBooted && c.cfg.Username != want {
						t.Errorf("logs in as %q, want %q", c.cfg.Username, want)
					}
				}
				checkArrival(t, h, p, c, held, err)
			})
		}
	}
}

// checkAnswer compares what the CPE said to the SetParameterValues.
func checkAnswer(t *testing.T, h URLHabit, old *ACS) {
	t.Helper()
	x := answerTo(old)
	if x == nil || x.Message.Kind == cwmp.Empty {
		if h.Status+h.Fault != "" {
			t.Fatal("no answer to SetParameterValues")
		}
		return
	}
	status, fault, param := between(x.Body, "Status"), x.Message.FaultCode, ""
	if _, in, ok := strings.Cut(string(x.Body), "<SetParameterValuesFault>"); ok {
		param = between([]byte(in), "FaultCode")
	}
	if status != h.Status || fault != h.Fault || param != h.ParamFault {
		t.Errorf("answer has status %q, fault %q/%q, want %q, %q/%q:\n%s", status, fault, param, h.Status, h.Fault, h.ParamFault, x.Body)
	}
}

func between(body []byte, name string) string {
	_, after, _ := strings.Cut(string(body), "<"+name+">")
	text, _, _ := strings.Cut(after, "</"+name+">")
	return text
}

func checkArrival(t *testing.T, h URLHabit, p urlPair, c *CPE, held []Held, err error) {
	t.Helper()
	events := strings.Join(h.Events, ", ")
	last := held[len(held)-1]
	if len(p.new.Problems())+len(p.old.Problems()) > 0 {
		t.Errorf("problems: %q %q", p.new.Problems(), p.old.Problems())
	}
	switch h.Arrival {
	case ArrivesBooted:
		if err != nil || c.URL() != oldURL || c.PendingURL() != newURL || len(p.new.Exchanges()) > 0 {
			t.Fatalf("before the restart: %v, URL %q, pending %q", err, c.URL(), c.PendingURL())
		}
		if _, err := live(t, c); err != nil { // it goes on at the old ACS with the old login
			t.Fatal(err)
		}
		if c.cfg.Username != "old" {
			t.Errorf("logs in as %q before the restart", c.cfg.Username)
		}
		c.PowerCycle()
		if held, err = live(t, c); err != nil {
			t.Fatal(err)
		}
		last = held[len(held)-1]
		fallthrough
	case ArrivesNext:
		if err != nil || last.URL != newURL || c.URL() != newURL || c.Pending() {
			t.Errorf("ends at %q, next %q: %v", last.URL, c.URL(), err)
		}
		if seen := informs(p.new); len(seen) != 1 || seen[0] != events {
			t.Errorf("new ACS saw %q, want %q", seen, events)
		}
		if n := p.new.Stats().Authorized; n == 0 {
			t.Error("new ACS authorised nobody")
		}
	case ArrivesNever:
		if Reason(err) != "no such host" || len(held) != 6 || c.URL() != newURL || len(p.new.Exchanges()) > 0 {
			t.Errorf("%d sessions, URL %q: %v", len(held), c.URL(), err)
		}
	case ArrivesBack:
		if seen := informs(p.old); err != nil || c.URL() != oldURL || len(p.new.Exchanges()) > 0 || len(seen) != 2 || seen[1] != cwmp.EventBootstrap {
			t.Errorf("%d sessions, URL %q, old ACS saw %q: %v", len(held), c.URL(), seen, err)
		}
	case ArrivesNot:
		if err != nil || c.URL() != oldURL || c.PendingURL() != "" || len(p.new.Exchanges()) > 0 {
			t.Errorf("URL %q, pending %q: %v", c.URL(), c.PendingURL(), err)
		}
		if url, _ := c.Tree().Get(c.nameOf("URL")); url.Value != oldURL {
			t.Errorf("tree has URL %q", url.Value)
		}
	}
}

func TestURLHabitNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range URLHabits() {
		if got, ok := URLHabitNamed(h.Name); !ok || got.Summary != h.Summary || h.Summary == "" || seen[h.Name] {
			t.Errorf("%q: %+v, %t", h.Name, got, ok)
		}
		seen[h.Name] = true
	}
	if _, ok := URLHabitNamed("none such"); ok {
		t.Error("found a habit that there is not")
	}
}

// TestURLChangeDropsWhatIsPending: what becomes of a transfer and of events
// from before and after the write. Quirk table, hazards.
func TestURLChangeDropsWhatIsPending(t *testing.T) {
	before := []RPC{Download("http://files.example/f"), WriteURL(newURL)}
	after := []RPC{WriteURL(newURL), {Method: cwmp.MethodScheduleInform}}
	reboot := []RPC{WriteURL(newURL), Reboot("k")}
	keeps, _ := URLHabitNamed("keeps-queue")
	tests := []struct {
		m      Make
		script []RPC
		events string
		sent   []string
	}{
		{easycwmp(), before, "0 BOOTSTRAP", []string{"Inform"}},
		{icwmp(), before, "0 BOOTSTRAP, 4 VALUE CHANGE", []string{"Inform"}},
		{rdkb(), before, "0 BOOTSTRAP", []string{"Inform"}},
		{tr069agent(), before, "0 BOOTSTRAP", []string{"Inform"}},
		{keeps.On(generic()), before, "0 BOOTSTRAP, 7 TRANSFER COMPLETE, M Download", []string{"Inform", "TransferComplete"}},
		{easycwmp(), after, "0 BOOTSTRAP, 3 SCHEDULED, M ScheduleInform", []string{"Inform"}},
		{icwmp(), after, "0 BOOTSTRAP, 4 VALUE CHANGE", []string{"Inform"}},
		{rdkb(), after, "0 BOOTSTRAP", []string{"Inform"}},
		{icwmp(), reboot, "0 BOOTSTRAP, 4 VALUE CHANGE, 1 BOOT, M Reboot", []string{"Inform"}},
		{rdkb(), reboot, "0 BOOTSTRAP, 1 BOOT, M Reboot", []string{"Inform"}},
	}
	for _, tt := range tests {
		t.Run(tt.m.Name+"/"+tt.script[1].Method, func(t *testing.T) {
			p := newPair(t, ACSConfig{Script: Once(tt.script...)}, ACSConfig{})
			c := p.cpe(t, tt.m, nil)
			held, err := live(t, c, cwmp.EventPeriodic)
			if err != nil || len(held) != 2 {
				t.Fatalf("%d sessions: %v", len(held), err)
			}
			if again := c.informed(); len(again) != len(tt.m.Inform) {
				t.Errorf("the Inform after it has %d parameters, want %d", len(again), len(tt.m.Inform))
			}
			if seen := informs(p.new); len(seen) != 1 || seen[0] != tt.events {
				t.Errorf("new ACS saw %q, want %q", seen, tt.events)
			}
			if sent := held[1].Result.Sent; !slices.Equal(sent, tt.sent) {
				t.Errorf("CPE sent %q, want %q", sent, tt.sent)
			}
			tells := strings.Contains(string(p.new.Exchanges()[0].Body), "ManagementServer.URL<")
			if tells != strings.HasPrefix(tt.m.Name, "icwmp") {
				t.Errorf("Inform tells the URL: %t", tells)
			}
		})
	}
}

// TestURLIdentical: the value that the CPE has changes nothing, for any make.
func TestURLIdentical(t *testing.T) {
	for _, m := range Makes() {
		p := newPair(t, ACSConfig{Script: Asking(WriteURL(oldURL))}, ACSConfig{})
		c := p.cpe(t, m, nil)
		if held, err := live(t, c, cwmp.EventBoot); err != nil || len(held) != 1 || c.URL() != oldURL || c.Pending() {
			t.Errorf("%s: %d sessions, URL %q: %v", m.Name, len(held), c.URL(), err)
		}
	}
}

// TestURLChangeForgetsRefusedCompression: what the old ACS refused, a new one is
// offered. Quirk C-32.
func TestURLChangeForgetsRefusedCompression(t *testing.T) {
	p := newPair(t, ACSConfig{NoCompression: true, Script: Asking(WriteURL(newURL))}, ACSConfig{})
	if _, err := live(t, p.cpe(t, icwmpGzip(), nil), cwmp.EventPeriodic); err != nil || !p.new.Exchanges()[0].Encoded {
		t.Errorf("new ACS is not offered gzip: %v", err)
	}
}

// TestURLThereAndBack: two writes in one session. A CPE that looks after the
// session finds nothing new, one that looks at once boots anew.
func TestURLThereAndBack(t *testing.T) {
	for name, want := range map[string]int{"bootstrap": 2, "rdkb": 1, "reboot": 1} {
		h, _ := URLHabitNamed(name)
		p := newPair(t, ACSConfig{Script: Once(WriteURL(newURL), WriteURL(oldURL), GetValues("{root}ManagementServer.URL"))}, ACSConfig{})
		c := p.cpe(t, h.On(generic()), nil)
		held, err := live(t, c, cwmp.EventPeriodic)
		if err != nil || len(held) != want || c.URL() != oldURL || c.PendingURL() != "" {
			t.Errorf("%s: %d sessions, URL %q: %v", name, len(held), c.URL(), err)
		}
		c.PowerCycle()
		if c.URL() != oldURL {
			t.Errorf("%s: URL %q after a restart", name, c.URL())
		}
	}
}

// TestURLReads: what GetParameterValues shows behind the write.
func TestURLReads(t *testing.T) {
	for name, want := range map[string]string{"bootstrap": newURL, "reboot": newURL, "reboot-reads-old": oldURL, "url-hidden": "", "rdkb": newURL} {
		h, _ := URLHabitNamed(name)
		p := newPair(t, ACSConfig{Script: Once(WriteURL(newURL), GetValues("{root}ManagementServer."))}, ACSConfig{})
		mustSucceed(t, p.cpe(t, h.On(generic()), user))
		var url, username, password string
		for _, param := range p.old.Exchanges()[3].Message.Params {
			switch param.Name {
			case "Device.ManagementServer.URL":
				url = param.Value
			case "Device.ManagementServer.Username":
				username = param.Value
			case "Device.ManagementServer.Password":
				password = param.Value
			}
		}
		if url != want || username != "cpe1" || password != "" {
			t.Errorf("%s: reads URL %q, user name %q, password %q", name, url, username, password)
		}
	}
}

// TestURLReboot: the RPC restarts the CPE as well as a power cycle.
func TestURLReboot(t *testing.T) {
	h, _ := URLHabitNamed("reboot")
	p := newPair(t, ACSConfig{Script: Once(WriteURL(newURL), Reboot("k"))}, ACSConfig{})
	held, err := live(t, p.cpe(t, h.On(generic()), nil), cwmp.EventPeriodic)
	if seen := informs(p.new); err != nil || len(held) != 2 || !slices.Equal(seen, []string{"0 BOOTSTRAP, 1 BOOT, M Reboot"}) {
		t.Errorf("%d sessions, new ACS saw %q: %v", len(held), seen, err)
	}
}

// TestPowerCycleResetsRetries. Protocol notes 1.8.
func TestPowerCycleResetsRetries(t *testing.T) {
	p := newPair(t, ACSConfig{}, ACSConfig{})
	p.names.Remove("old.example")
	c := p.cpe(t, generic(), nil)
	if _, err := live(t, c, cwmp.EventPeriodic); err == nil || c.RetryWait(0) == 0 {
		t.Fatalf("%v, then a wait of %v", err, c.RetryWait(0))
	}
	c.PowerCycle()
	if c.RetryWait(0) != 0 {
		t.Errorf("waits %v after a restart", c.RetryWait(0))
	}
}

// TestURLLimits: 9007 for what is too long, and what is no URL changes nothing.
func TestURLLimits(t *testing.T) {
	h, _ := URLHabitNamed("length-256")
	long := newURL + strings.Repeat("x", 257-len(newURL))
	for url, fault := range map[string]bool{long: true, long[:256]: false, "ftp://new.example/": false} {
		p := newPair(t, ACSConfig{Script: Once(WriteURL(url))}, ACSConfig{})
		c := p.cpe(t, h.On(generic()), nil)
		r := mustSucceed(t, c)
		if moved := c.URL() == url; moved != (url == long[:256]) || (len(r.Faults) > 0) != fault {
			t.Errorf("%.30q: moved %t, faults %q", url, moved, r.Faults)
		}
	}
}

// TestURLNamelessRead: a model without a user name faults the whole read.
func TestURLNamelessRead(t *testing.T) {
	h, _ := URLHabitNamed("no-username")
	p := newPair(t, ACSConfig{Script: Asking(GetValues("{root}ManagementServer.URL", "{root}ManagementServer.Username"), GetValues("{root}ManagementServer.URL"))}, ACSConfig{})
	for _, m := range []Make{generic(), netcwmp()} {
		m = h.On(m)
		r := mustSucceed(t, p.cpe(t, m, nil))
		if !slices.Equal(r.Faults, []string{"9005"}) {
			t.Errorf("%s: faults %q", m.Name, r.Faults)
		}
	}
	for _, x := range p.old.Exchanges() {
		if isInform(x) && strings.Contains(string(x.Body), "ManagementServer.Username") {
			t.Error("Inform holds what the model lacks")
		}
	}
}

// TestURLTimes: the second write of a CPE that loses its connection once moves
// it.
func TestURLTimes(t *testing.T) {
	h, _ := URLHabitNamed("connection-lost")
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{})
	held, err := live(t, p.cpe(t, h.On(generic()), nil), cwmp.EventPeriodic)
	if err != nil || len(held) != 3 || Reason(held[0].Err) != "hung up by the CPE" || held[2].URL != newURL {
		t.Errorf("%d sessions: %v", len(held), err)
	}
	if held[0].Wait == 0 || held[1].Retry != 1 {
		t.Errorf("waits %v, then RetryCount %d", held[0].Wait, held[1].Retry)
	}
}

// TestURLLostAnswerIsNotWaitedFor: a change of URL ends the wait for a retry.
func TestURLLostAnswerIsNotWaitedFor(t *testing.T) {
	h, _ := URLHabitNamed("answer-lost")
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{})
	held, err := live(t, p.cpe(t, h.On(generic()), nil), cwmp.EventPeriodic)
	if err != nil || len(held) != 2 || held[0].Err == nil || held[0].Wait != 0 {
		t.Errorf("%+v, %v", held, err)
	}
}

// TestURLIgnores: nothing but what has the ID is ignored, and the session ends
// well.
func TestURLIgnores(t *testing.T) {
	h, _ := URLHabitNamed("ignores-injected")
	raw := cwmp.GetParameterValues(cwmp.DefaultDialect, InjectedIDs+"7", []string{"Device."})
	a := startACS(t, ACSConfig{Script: Asking(GetValues("{root}DeviceInfo."), RPC{Raw: raw}, GetValues("{root}DeviceInfo."))})
	r := mustSucceed(t, newTestCPE(t, a, h.On(generic()), nil))
	if len(r.RPCs) != 2 || !slices.Equal(r.Ignored, []string{"GetParameterValues"}) || a.Stats().Completed != 1 {
		t.Errorf("carried out %q, ignored %q", r.RPCs, r.Ignored)
	}
}

// TestURLLoginAtOnce: an ACS that checks each request turns away a CPE that
// changes its login within the session, and only that.
func TestURLLoginAtOnce(t *testing.T) {
	for name, want := range map[string]bool{"login-at-once": false, "bootstrap": true} {
		h, _ := URLHabitNamed(name)
		p := newPair(t, ACSConfig{
			Auth:   ACSAuth{Scheme: "digest", QOP: "auth", EveryRequest: true, Password: OneUser("cpe1", "cpepw")},
			Script: Once(WriteLogin("new", "newpw", newURL)),
		}, ACSConfig{})
		_, err := p.cpe(t, h.On(generic()), user).Session(t.Context())
		if status := (*StatusError)(nil); (err == nil) != want || !want && !errors.As(err, &status) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestURLFactoryReset: the first URL and login are back with some, the written
// ones stay with others; the model says which.
func TestURLFactoryReset(t *testing.T) {
	for name, want := range map[string]string{"resets-url": oldURL, "bootstrap": newURL} {
		h, _ := URLHabitNamed(name)
		p := newPair(t, ACSConfig{Script: Once(WriteLogin("new", "newpw", newURL))}, ACSConfig{Script: Once(RPC{Method: cwmp.MethodFactoryReset})})
		c := p.cpe(t, h.On(generic()), user)
		held, err := live(t, c, cwmp.EventPeriodic)
		last := held[len(held)-1]
		if err != nil || last.URL != want {
			t.Errorf("%s: ends at %q: %v", name, last.URL, err)
		}
		url, _ := c.Tree().Get("Device.ManagementServer.URL")
		username, _ := c.Tree().Get("Device.ManagementServer.Username")
		if wantUser := map[bool]string{true: "cpe1", false: "new"}[want == oldURL]; url.Value != want || username.Value != wantUser || c.cfg.Username != wantUser {
			t.Errorf("%s: model has %q, %q; login is %q", name, url.Value, username.Value, c.cfg.Username)
		}
	}
}

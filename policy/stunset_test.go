package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// natted is a CPE with STUN switched off.
func natted(root string) *scriptedCPE {
	return &scriptedCPE{values: map[string]string{
		root + paramSTUNEnable: "false", root + paramSTUNServer: "", root + paramSTUNPort: "3478",
		root + paramSTUNUsername: "", root + paramSTUNPassword: "", root + paramSTUNMinimum: "0", root + paramSTUNMaximum: "-1",
		root + paramUDPRequestAddress: "", root + paramURL: oldURL,
	}}
}

var punched = STUNSettings{
	Enable: true, Server: "stun.isp.example", Username: new("dev1"), Password: new("dev1-secret"),
	MinKeepAlive: 3, MaxKeepAlive: 120, Notify: true,
}

func TestS41_Set(t *testing.T) {
	for _, root := range []string{RootTR098, RootDevice} {
		p, err := NewSTUNSet(root, punched)
		if err != nil {
			t.Fatal(err)
		}
		s := natted(root)
		run(t, p, s, -1, RPCResult{})
		want := STUNOutcome{
			Result: STUNDone, Notified: true, Detail: "the CPE has set its STUN parameters",
			Former: map[string]string{paramSTUNEnable: "false", paramSTUNServer: "", paramSTUNPort: "3478", paramSTUNUsername: "", paramSTUNMinimum: "0", paramSTUNMaximum: "-1"},
			Set:    map[string]string{paramSTUNEnable: "1", paramSTUNServer: "stun.isp.example", paramSTUNUsername: "dev1", paramSTUNMinimum: "10", paramSTUNMaximum: "120"},
		}
		if diff := cmp.Diff(want, p.Outcome()); diff != "" {
			t.Errorf("outcome (-want +got):\n%s", diff)
		}
		set := [][]cwmp.Param{{
			{Name: root + paramSTUNMinimum, Value: "10", Type: "unsignedInt"}, {Name: root + paramSTUNMaximum, Value: "120", Type: "int"},
			{Name: root + paramSTUNServer, Value: "stun.isp.example"}, {Name: root + paramSTUNUsername, Value: "dev1"},
			{Name: root + paramSTUNPassword, Value: "dev1-secret"}, {Name: root + paramSTUNEnable, Value: "1", Type: "boolean"},
		}}
		if diff := cmp.Diff(set, s.set); diff != "" {
			t.Errorf("set (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]cwmp.Attribute{{Name: root + paramUDPRequestAddress, Notification: 2}}, s.attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}

		undo, err := NewSTUNUndo(root, p.Outcome())
		if err != nil {
			t.Fatal(err)
		}
		run(t, undo, s, -1, RPCResult{})
		if got := undo.Outcome(); got.Result != STUNDone {
			t.Errorf("undo: %+v", got)
		}
		before := natted(root)
		before.values[root+paramSTUNEnable] = "0"
		if diff := cmp.Diff(before.values, s.values); diff != "" {
			t.Errorf("undo leaves (-want +got):\n%s", diff)
		}
		if last := s.attributes[len(s.attributes)-1]; last.Notification != 0 {
			t.Errorf("undo leaves notification %+v", last)
		}
	}
}

func TestS41_Outcomes(t *testing.T) {
	const root = RootDevice
	for _, test := range []struct {
		name   string
		change func(*STUNSettings, *scriptedCPE)
		want   STUNResult
		sets   int
		left   []string
		code   string
	}{
		{"already", func(c *STUNSettings, s *scriptedCPE) {
			*c = STUNSettings{Enable: true, Server: "stun.isp.example"}
			s.values[root+paramSTUNEnable], s.values[root+paramSTUNServer] = "TRUE", "stun.isp.example"
		}, STUNAlready, 0, nil, ""},
		{"switched off", func(c *STUNSettings, s *scriptedCPE) {
			*c = STUNSettings{}
			s.values[root+paramSTUNEnable] = "1"
		}, STUNDone, 1, nil, ""},
		{"status 1", func(_ *STUNSettings, s *scriptedCPE) { s.status = 1 }, STUNPending, 1, nil, ""},
		{"no STUN", func(_ *STUNSettings, s *scriptedCPE) { delete(s.values, root+paramSTUNEnable) }, STUNUnsupported, 0, nil, ""},
		{"unreadable", func(_ *STUNSettings, s *scriptedCPE) { s.unreadable = true }, STUNFault, 0, nil, "9001"},
		{"no maximum in the model", func(_ *STUNSettings, s *scriptedCPE) { delete(s.values, root+paramSTUNMaximum) },
			STUNDone, 1, []string{root + paramSTUNMaximum}, ""},
		{"a minimum that is refused", func(_ *STUNSettings, s *scriptedCPE) { s.refuse = map[string]string{root + paramSTUNMinimum: "9007"} },
			STUNDone, 2, []string{root + paramSTUNMinimum}, ""},
		{"a minimum that is refused without a name", func(_ *STUNSettings, s *scriptedCPE) {
			s.refuse, s.unnamed = map[string]string{root + paramSTUNMinimum: "9007"}, true
		}, STUNDone, 2, []string{root + paramSTUNMinimum, root + paramSTUNMaximum}, ""},
		{"a server that is refused", func(_ *STUNSettings, s *scriptedCPE) { s.refuse = map[string]string{root + paramSTUNServer: "9007"} },
			STUNFault, 1, nil, "9007"},
		{"a port that is needed", func(c *STUNSettings, s *scriptedCPE) {
			c.Port, s.refuse = 3479, map[string]string{root + paramSTUNPort: "9008"}
		}, STUNFault, 1, nil, "9008"},
		{"agrees and forgets", func(_ *STUNSettings, s *scriptedCPE) { s.forgetful = true }, STUNNotKept, 1, nil, ""},
	} {
		c, s := punched, natted(root)
		test.change(&c, s)
		p, err := NewSTUNSet(root, c)
		if err != nil {
			t.Fatal(err)
		}
		run(t, p, s, -1, RPCResult{})
		got := p.Outcome()
		if got.Result != test.want || len(s.set) != test.sets || got.FaultCode != test.code || !cmp.Equal(got.Left, test.left) {
			t.Errorf("%s: %+v after %d sets, want %q %v %s after %d", test.name, got, len(s.set), test.want, test.left, test.code, test.sets)
		}
		if got.Detail == "" || strings.Contains(got.Detail, "secret") {
			t.Errorf("%s: detail %q", test.name, got.Detail)
		}
		if got.Result == STUNFault && got.Set != nil {
			t.Errorf("%s: nothing was set, yet %v", test.name, got.Set)
		}
	}
}

// TestS41_PasswordAlone is set anew, as after a change of passwords, and that is
// all there is to it: it cannot be read back.
func TestS41_PasswordAlone(t *testing.T) {
	s := natted(RootDevice)
	for _, password := range []string{"dev1-secret", "another"} {
		c := punched
		c.Password = &password
		p, err := NewSTUNSet(RootDevice, c)
		if err != nil {
			t.Fatal(err)
		}
		run(t, p, s, -1, RPCResult{})
		if got := p.Outcome(); got.Result != STUNDone || s.values[RootDevice+paramSTUNPassword] != password {
			t.Errorf("%+v, the CPE has %q", got, s.values[RootDevice+paramSTUNPassword])
		}
	}
	if last := s.set[len(s.set)-1]; len(last) != 1 {
		t.Errorf("set at last: %v", last)
	}
}

func TestS41_Broken(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken int // RPC: 0 reads, 1 sets, 2 asks for notification, 3 reads back
		result RPCResult
		want   STUNResult
	}{
		{"lost while it read", 0, RPCResult{Unknown: true}, STUNNotTried},
		{"ignored the question", 0, RPCResult{Ignored: true}, STUNIgnored},
		{"lost while it set", 1, RPCResult{Unknown: true}, STUNUnknown},
		{"ignored what to set", 1, RPCResult{Ignored: true}, STUNIgnored},
		{"nonsense after setting", 1, RPCResult{Unreadable: true}, STUNUnknown},
		{"lost at the notification", 2, RPCResult{Unknown: true}, STUNUnknown},
		{"refused notification", 2, RPCResult{FaultCode: "9009"}, STUNDone},
		{"lost while it read back", 3, RPCResult{Unknown: true}, STUNUnknown},
		{"refused to be read back", 3, RPCResult{FaultCode: "9002"}, STUNUnknown},
	} {
		p, err := NewSTUNSet(RootDevice, punched)
		if err != nil {
			t.Fatal(err)
		}
		s := natted(RootDevice)
		run(t, p, s, test.broken, test.result)
		if got := p.Outcome(); got.Result != test.want || got.Notified != (test.broken > 2) {
			t.Errorf("%s: %+v, want %q", test.name, got, test.want)
		}
		if test.result.FaultCode == "" && len(s.asked) != test.broken+1 {
			t.Errorf("%s: went on: %v", test.name, s.asked)
		}
	}
}

// TestS41_UndoLeavesWhatTheACSHasChanged: the ACS has given the CPE a user of
// its own since, and STUN is switched off under it no more than asked.
func TestS41_UndoLeavesWhatTheACSHasChanged(t *testing.T) {
	const root = RootTR098
	p, err := NewSTUNSet(root, punched)
	if err != nil {
		t.Fatal(err)
	}
	s := natted(root)
	run(t, p, s, -1, RPCResult{})
	s.values[root+paramSTUNUsername], s.values[root+paramSTUNPassword] = "acs", "acs-secret"
	undo, err := NewSTUNUndo(root, p.Outcome())
	if err != nil {
		t.Fatal(err)
	}
	run(t, undo, s, -1, RPCResult{})
	if s.values[root+paramSTUNUsername] != "acs" || s.values[root+paramSTUNPassword] != "acs-secret" || s.values[root+paramSTUNServer] != "" {
		t.Errorf("undo leaves %v", s.values)
	}
}

func TestS41_Clamped(t *testing.T) {
	for _, test := range []struct{ minimum, maximum, wantMin, wantMax int }{
		{0, 0, 0, 0}, {1, 5, 10, 10}, {10, 300, 10, 300}, {60, 30, 60, 60}, {0, -1, 0, -1}, {0, -7, 0, -1},
		{-5, 0, 10, 0}, {99_999, 99_999, 3600, 3600}, {0, 4, 0, 10},
	} {
		got := STUNSettings{MinKeepAlive: test.minimum, MaxKeepAlive: test.maximum}.Clamped()
		if got.MinKeepAlive != test.wantMin || got.MaxKeepAlive != test.wantMax || got.Port != 3478 {
			t.Errorf("%+v became %+v", test, got)
		}
	}
	for _, bad := range []STUNSettings{{Port: 70_000}, {Port: -1}, {Server: strings.Repeat("s", 257)}, {Password: new(strings.Repeat("p", 257))}} {
		if _, err := NewSTUNSet(RootDevice, bad); err == nil || strings.Contains(err.Error(), "ppp") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := NewSTUNSet("", punched); err == nil {
		t.Error("no root, no error")
	}
	if _, err := NewSTUNUndo("", STUNOutcome{}); err == nil {
		t.Error("no root, no error")
	}
}

func TestSTUNRecord_Due(t *testing.T) {
	record := func(result STUNResult, runs int) STUNRecord {
		return STUNRecord{Fingerprint: punched.Fingerprint(), SoftwareVersion: "1", Result: result, Runs: runs, At: noon}
	}
	for _, test := range []struct {
		name      string
		r         STUNRecord
		software  string
		bootstrap bool
		after     time.Duration
		want      bool
	}{
		{"never", STUNRecord{}, "1", false, 0, true},
		{"done", record(STUNDone, 1), "1", false, time.Hour * 1000, false},
		{"done, new software", record(STUNDone, 1), "2", false, time.Hour * 1000, false},
		{"already", record(STUNAlready, 1), "1", false, time.Hour * 1000, false},
		{"other settings", STUNRecord{Fingerprint: "x", Result: STUNDone, Runs: 9, At: noon}, "1", false, 0, true},
		{"done, and bootstrapped", record(STUNDone, 1), "1", true, 10 * time.Minute, true},
		{"done, and bootstrapped at once", record(STUNDone, 1), "1", true, time.Minute, false},
		{"bootstraps for ever", record(STUNDone, 5), "1", true, time.Hour * 1000, false},
		{"unsupported", record(STUNUnsupported, 1), "1", false, time.Hour * 1000, false},
		{"unsupported, new software", record(STUNUnsupported, 1), "2", false, 0, true},
		{"fault, at once", record(STUNFault, 1), "1", false, time.Minute, false},
		{"fault, later", record(STUNFault, 1), "1", false, 10 * time.Minute, true},
		{"second fault, later", record(STUNFault, 2), "1", false, 39 * time.Minute, false},
		{"second fault, much later", record(STUNFault, 2), "1", false, 40 * time.Minute, true},
		{"pending is looked at", record(STUNPending, 1), "1", false, 10 * time.Minute, true},
		{"given up", record(STUNNotKept, 5), "1", false, time.Hour * 1000, false},
		{"given up, new software", record(STUNNotKept, 5), "2", false, 0, true},
	} {
		got, why := test.r.Due(punched, test.software, test.bootstrap, noon.Add(test.after))
		if got != test.want || why == "" {
			t.Errorf("%s: %v, %q", test.name, got, why)
		}
	}
}

// TestSTUNRecord_NeverInALoop: whatever a device does, also one that bootstraps
// in each session, it is asked a bounded number of times.
func TestSTUNRecord_NeverInALoop(t *testing.T) {
	for _, result := range []STUNResult{STUNDone, STUNAlready, STUNPending, STUNUnsupported, STUNFault, STUNNotKept, STUNIgnored, STUNUnknown} {
		var r STUNRecord
		runs := 0
		for now := noon; now.Before(noon.Add(20 * 24 * time.Hour)); now = now.Add(7 * time.Minute) {
			if due, _ := r.Due(punched, "1", true, now); due {
				runs++
				r = r.After(STUNOutcome{Result: result}, punched, "1", now)
			}
		}
		if runs < 1 || runs > MaxSTUNRuns {
			t.Errorf("%q: %d runs", result, runs)
		}
	}
	if r := (STUNRecord{}).After(STUNOutcome{Result: STUNNotTried}, punched, "1", noon); r != (STUNRecord{}) {
		t.Errorf("an attempt that was none: %+v", r)
	}
}

func TestSTUNSettings_Fingerprint(t *testing.T) {
	secret := punched
	secret.Password = new("other")
	if secret.Fingerprint() != punched.Fingerprint() {
		t.Error("the fingerprint tells of the password")
	}
	for i, change := range []func(*STUNSettings){
		func(s *STUNSettings) { s.Enable = false }, func(s *STUNSettings) { s.Server = "x" }, func(s *STUNSettings) { s.Port = 1 },
		func(s *STUNSettings) { s.Username = nil }, func(s *STUNSettings) { s.Username = new("") }, func(s *STUNSettings) { s.MinKeepAlive = 50 },
		func(s *STUNSettings) { s.MaxKeepAlive = 0 }, func(s *STUNSettings) { s.Notify = false }, func(s *STUNSettings) { s.Generation++ },
	} {
		other := punched
		change(&other)
		if other.Fingerprint() == punched.Fingerprint() {
			t.Errorf("change %d has the same fingerprint", i)
		}
	}
}

func TestBehindNAT(t *testing.T) {
	for _, test := range []struct {
		source, url string
		want        bool
	}{
		{"203.0.113.9", "http://192.168.1.2:7547/x", true},
		{"::ffff:203.0.113.9", "http://192.168.1.2:7547/x", true},
		{"203.0.113.9", "http://203.0.113.9:7547/x", false},
		{"203.0.113.9", "http://[::ffff:203.0.113.9]:7547/x", false},
		{"2001:db8::1", "http://[2001:db8::1]:7547/x", false},
		{"2001:db8::1", "http://[2001:db8::2]:7547/x", true},
		{"2001:db8::1", "http://192.168.1.2:7547/x", false},
		{"203.0.113.9", "http://cpe.example:7547/x", false},
		{"203.0.113.9", "", false},
		{"203.0.113.9", "http://[", false},
		{"", "http://192.168.1.2/", false},
	} {
		source, _ := netip.ParseAddr(test.source)
		if got, why := BehindNAT(source, test.url); got != test.want || why == "" {
			t.Errorf("%s, %s: %v, %q", test.source, test.url, got, why)
		}
	}
}

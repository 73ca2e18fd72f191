package policy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// scriptedCPE answers the RPCs of a program as a real CPE might.
type scriptedCPE struct {
	values     map[string]string // its model, by full name
	noObjects  bool              // knows no partial paths
	unnamed    bool              // its faults do not say which parameter
	torn       int               // values that it applies before it finds a fault; a right one is atomic
	refuse     map[string]string // fault codes by parameter
	unreadable bool              // refuses every read
	status     int
	forgetful  bool // agrees to what it is told, and keeps nothing
	asked      []string
	set        [][]cwmp.Param
	attributes []cwmp.Attribute
}

func (c *scriptedCPE) answer(call RPC) RPCResult {
	c.asked = append(c.asked, call.Method)
	switch call.Method {
	case cwmp.MethodGetParameterValues:
		return c.get(call.Names)
	case cwmp.MethodSetParameterValues:
		c.set = append(c.set, call.Values)
		return c.put(call.Values)
	}
	c.attributes = append(c.attributes, call.Attributes...)
	return RPCResult{}
}

func (c *scriptedCPE) get(names []string) (r RPCResult) {
	if c.unreadable {
		return RPCResult{FaultCode: "9001"}
	}
	for _, name := range names {
		if v, ok := c.values[name]; ok {
			r.Values = append(r.Values, cwmp.Param{Name: name, Value: c.seen(name, v)})
			continue
		}
		if !strings.HasSuffix(name, ".") || c.noObjects {
			return RPCResult{FaultCode: "9005"}
		}
		for _, full := range slices.Sorted(maps.Keys(c.values)) {
			if strings.HasPrefix(full, name) {
				r.Values = append(r.Values, cwmp.Param{Name: full, Value: c.seen(full, c.values[full])})
			}
		}
	}
	return r
}

func (c *scriptedCPE) seen(name, value string) string {
	if strings.HasSuffix(name, "Password") {
		return ""
	}
	return value
}

func (c *scriptedCPE) put(values []cwmp.Param) RPCResult {
	r := RPCResult{Status: c.status}
	for _, p := range values {
		code := c.refuse[p.Name]
		if _, ok := c.values[p.Name]; !ok {
			code = "9005"
		}
		if code != "" {
			r.FaultCode = "9003"
			r.ParamFaults = append(r.ParamFaults, cwmp.ParamFault{Name: p.Name, Code: code})
		}
	}
	applied := values
	if r.FaultCode != "" {
		applied = values[:min(c.torn, len(values))]
	}
	for _, p := range applied {
		if !c.forgetful {
			c.values[p.Name] = p.Value
		}
	}
	if c.unnamed {
		r.ParamFaults = nil
	}
	return r
}

// run carries a program to its end, or until RPC number broken, whose result is
// then given instead of the CPE's.
func run(t *testing.T, p Program, c *scriptedCPE, broken int, instead RPCResult) {
	t.Helper()
	var last *RPCResult
	for n := range 20 {
		call, more := p.Next(last)
		if !more {
			if call, more = p.Next(last); more {
				t.Errorf("a program that had ended goes on with %s", call.Method)
			}
			return
		}
		r := c.answer(call)
		if n == broken {
			r = instead
		}
		last = &r
	}
	t.Fatal("the program does not end")
}

const (
	oldURL = "https://acs.isp.example/north"
	newURL = "https://acs.isp.example/south"
)

func northern(root string) *scriptedCPE {
	return &scriptedCPE{values: map[string]string{
		root + paramURL: oldURL, root + paramUsername: "old", root + paramPassword: "old-secret",
		root + paramPeriodicEnable: "true", root + paramPeriodicInterval: "300",
		root + paramRequestUsername: "cr", root + paramSTUNEnable: "0", root + paramSTUNServer: "",
	}}
}

func TestURLMove(t *testing.T) {
	const root = RootTR098
	url, user, password := root+paramURL, root+paramUsername, root+paramPassword
	side := cwmp.Param{Name: root + paramPeriodicInterval, Value: "60", Type: xsdUnsigned}
	foreign := cwmp.Param{Name: root + "X_GONE", Value: "1"}
	for _, test := range []struct {
		name   string
		change func(*URLMoveConfig, *scriptedCPE)
		want   MoveOutcome
		set    [][]cwmp.Param
	}{
		{"set", nil, MoveOutcome{Result: MoveSet, URL: oldURL}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"credentials go with the URL, which is last", func(c *URLMoveConfig, _ *scriptedCPE) {
			c.Username, c.Password = new("new"), new("new-secret")
		}, MoveOutcome{Result: MoveSet, URL: oldURL},
			[][]cwmp.Param{{{Name: user, Value: "new"}, {Name: password, Value: "new-secret"}, {Name: url, Value: newURL}}}},
		{"side parameters come first, those that differ", func(c *URLMoveConfig, _ *scriptedCPE) {
			c.Side = []cwmp.Param{side, {Name: root + paramPeriodicEnable, Value: "1", Type: xsdBoolean}}
		}, MoveOutcome{Result: MoveSet, URL: oldURL}, [][]cwmp.Param{{side}, {{Name: url, Value: newURL}}}},
		{"a side parameter that the model lacks is left", func(c *URLMoveConfig, _ *scriptedCPE) {
			c.Side = []cwmp.Param{foreign, side}
		}, MoveOutcome{Result: MoveSet, URL: oldURL, Left: []string{foreign.Name}}, [][]cwmp.Param{{side}, {{Name: url, Value: newURL}}}},
		{"and found lacking only when it is set", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Side, s.noObjects = []cwmp.Param{foreign, side}, true
		}, MoveOutcome{Result: MoveSet, URL: oldURL, Left: []string{foreign.Name}}, [][]cwmp.Param{{foreign, side}, {side}, {{Name: url, Value: newURL}}}},
		{"a lone one that the model lacks, without a name in the fault", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Side, s.noObjects = []cwmp.Param{foreign}, true
		}, MoveOutcome{Result: MoveSet, URL: oldURL, Left: []string{foreign.Name}}, [][]cwmp.Param{{foreign}, {{Name: url, Value: newURL}}}},
		{"a side parameter is refused", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Side, s.refuse = []cwmp.Param{side}, map[string]string{side.Name: "9007"}
		}, MoveOutcome{Result: MoveFault, URL: oldURL, FaultCode: "9007", Parameter: side.Name}, [][]cwmp.Param{{side}}},
		{"the STUN server stays where it was", func(c *URLMoveConfig, s *scriptedCPE) {
			c.STUNServer, s.values[root+paramSTUNEnable] = "stun.isp.example", "TRUE"
		}, MoveOutcome{Result: MoveSet, URL: oldURL},
			[][]cwmp.Param{{{Name: root + paramSTUNServer, Value: "stun.isp.example"}}, {{Name: url, Value: newURL}}}},
		{"no STUN, no server", func(c *URLMoveConfig, _ *scriptedCPE) { c.STUNServer = "stun.isp.example" },
			MoveOutcome{Result: MoveSet, URL: oldURL}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"already there", func(_ *URLMoveConfig, s *scriptedCPE) { s.values[url] = "HTTPS://acs.ISP.example:443/south" },
			MoveOutcome{Result: MoveAlready, URL: "HTTPS://acs.ISP.example:443/south"}, nil},
		{"already there keeps its credentials", func(c *URLMoveConfig, s *scriptedCPE) {
			s.values[url], c.Username = newURL, new("new")
		}, MoveOutcome{Result: MoveAlready, URL: newURL}, nil},
		{"not ours", func(_ *URLMoveConfig, s *scriptedCPE) { s.values[url] = "http://me:hidden@other.example/" },
			MoveOutcome{Result: MoveNotOurs, URL: "http://me:hidden@other.example/"}, nil},
		{"the gateway's own URL is ours", func(c *URLMoveConfig, s *scriptedCPE) {
			c.From, s.values[url] = append(c.From, "http://gw.isp.example"), "http://gw.isp.example:80/"
		}, MoveOutcome{Result: MoveSet, URL: "http://gw.isp.example:80/"}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"from anywhere", func(c *URLMoveConfig, s *scriptedCPE) { c.From, s.values[url] = nil, "" },
			MoveOutcome{Result: MoveSet}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"status 1", func(_ *URLMoveConfig, s *scriptedCPE) { s.status = 1 },
			MoveOutcome{Result: MovePending, URL: oldURL}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"the URL is refused", func(_ *URLMoveConfig, s *scriptedCPE) { s.refuse = map[string]string{url: "9007"} },
			MoveOutcome{Result: MoveFault, URL: oldURL, FaultCode: "9007", Parameter: url}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"refused without a name", func(_ *URLMoveConfig, s *scriptedCPE) {
			s.refuse, s.unnamed = map[string]string{url: "9007"}, true
		}, MoveOutcome{Result: MoveFault, URL: oldURL, FaultCode: "9003"}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"URL refused, with credentials", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Username, s.refuse = new("new"), map[string]string{url: "9007"}
		}, MoveOutcome{Result: MoveFault, URL: oldURL, FaultCode: "9007", Parameter: url},
			[][]cwmp.Param{{{Name: user, Value: "new"}, {Name: url, Value: newURL}}}},
		{"a model without a user name is not moved with that of another ACS", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Username = new("new")
			delete(s.values, user)
		}, MoveOutcome{Result: MoveFault, URL: oldURL, FaultCode: "9005", Parameter: user},
			[][]cwmp.Param{{{Name: user, Value: "new"}, {Name: url, Value: newURL}}}},
		{"a CPE that is not atomic", func(c *URLMoveConfig, s *scriptedCPE) {
			c.Username, s.refuse, s.torn = new("new"), map[string]string{url: "9007"}, 1
		}, MoveOutcome{Result: MoveTorn, URL: oldURL, FaultCode: "9007", Parameter: url},
			[][]cwmp.Param{{{Name: user, Value: "new"}, {Name: url, Value: newURL}}}},
		{"a model that lacks what is read", func(_ *URLMoveConfig, s *scriptedCPE) { delete(s.values, root+paramSTUNEnable) },
			MoveOutcome{Result: MoveSet, URL: oldURL}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"and that knows no paths", func(_ *URLMoveConfig, s *scriptedCPE) {
			s.noObjects = true
			delete(s.values, root+paramSTUNEnable)
		}, MoveOutcome{Result: MoveSet, URL: oldURL}, [][]cwmp.Param{{{Name: url, Value: newURL}}}},
		{"unreadable", func(_ *URLMoveConfig, s *scriptedCPE) { s.unreadable = true },
			MoveOutcome{Result: MoveUnreadable, FaultCode: "9001"}, nil},
		{"no URL in the model", func(_ *URLMoveConfig, s *scriptedCPE) { delete(s.values, url) },
			MoveOutcome{Result: MoveUnreadable}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, s := URLMoveConfig{Root: root, From: []string{oldURL}, To: newURL}, northern(root)
			if test.change != nil {
				test.change(&c, s)
			}
			m, err := NewURLMove(c)
			if err != nil {
				t.Fatal(err)
			}
			run(t, m, s, -1, RPCResult{})
			got := m.Outcome()
			if got.Detail == "" || strings.Contains(got.Detail, "secret") || strings.Contains(got.Detail, "hidden") {
				t.Errorf("detail %q says nothing, or too much", got.Detail)
			}
			got.Detail, got.Former = "", nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.set, s.set); diff != "" {
				t.Errorf("set (-want +got):\n%s", diff)
			}
		})
	}
}

// TestURLMove_Broken: whatever RPC is not answered, the outcome tells whether
// the URL may have changed.
func TestURLMove_Broken(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken int // RPC: 0 reads, 1 sets the side parameters, 2 the URL
		result RPCResult
		want   MoveResult
	}{
		{"lost while it read", 0, RPCResult{Unknown: true}, MoveNotTried},
		{"lost at the side parameters", 1, RPCResult{Unknown: true}, MoveNotTried},
		{"lost at the URL", 2, RPCResult{Unknown: true}, MoveUnknown},
		{"ignored the question", 0, RPCResult{Ignored: true}, MoveIgnored},
		{"ignored the side parameters", 1, RPCResult{Ignored: true}, MoveIgnored},
		{"ignored the URL", 2, RPCResult{Ignored: true}, MoveIgnored},
		{"nonsense for a URL", 0, RPCResult{Unreadable: true}, MoveUnreadable},
		{"nonsense after the URL", 2, RPCResult{Unreadable: true}, MoveUnknown},
	} {
		c := URLMoveConfig{Root: RootDevice, To: newURL, Side: []cwmp.Param{{Name: RootDevice + paramPeriodicInterval, Value: "60"}}}
		m, err := NewURLMove(c)
		if err != nil {
			t.Fatal(err)
		}
		s := northern(RootDevice)
		run(t, m, s, test.broken, test.result)
		if got := m.Outcome(); got.Result != test.want || got.Detail == "" {
			t.Errorf("%s: %+v, want %q", test.name, got, test.want)
		}
		if len(s.asked) != test.broken+1 {
			t.Errorf("%s: went on to %v", test.name, s.asked)
		}
	}
}

// TestURLMove_Abandoned: a session may end without a word to the program.
func TestURLMove_Abandoned(t *testing.T) {
	m, err := NewURLMove(URLMoveConfig{Root: RootDevice, To: newURL})
	if err != nil {
		t.Fatal(err)
	}
	s := northern(RootDevice)
	var last *RPCResult
	for _, want := range []MoveResult{MoveNotTried, MoveNotTried, MoveUnknown} {
		if got := m.Outcome().Result; got != want {
			t.Errorf("after %v: %q, want %q", s.asked, got, want)
		}
		call, _ := m.Next(last)
		r := s.answer(call)
		last = &r
	}
}

// TestURLMove_Withheld: what a CPE had can be recorded before its URL is set, and
// a record that fails keeps it from being set.
func TestURLMove_Withheld(t *testing.T) {
	c := URLMoveConfig{Root: RootDevice, To: newURL, Side: []cwmp.Param{{Name: RootDevice + paramPeriodicInterval, Value: "60"}}}
	m, err := NewURLMove(c)
	if err != nil {
		t.Fatal(err)
	}
	s := northern(RootDevice)
	var last *RPCResult
	for n := range 3 {
		call, more := m.Next(last)
		if m.Setting() != (n == 2) || !more {
			t.Fatalf("RPC %d, %+v: setting %v, more %v", n, call, m.Setting(), more)
		}
		if n < 2 {
			r := s.answer(call)
			last = &r
		}
	}
	m.Withhold("the store fails")
	if got := m.Outcome(); got.Result != MoveNotTried || got.Detail != "the store fails" || got.URL != oldURL || got.Former[paramUsername] != "old" || m.Setting() {
		t.Errorf("%+v", got)
	}
	if call, more := m.Next(last); more {
		t.Errorf("goes on with %+v", call)
	}
}

// TestURLMove_CredentialsBelongToTheURL: an atomic CPE never has the credentials
// of one ACS and the URL of the other, wherever the session breaks and whatever
// the CPE refuses; and the next run finds out what is so.
func TestURLMove_CredentialsBelongToTheURL(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		root := []string{RootTR098, RootDevice}[r.IntN(2)]
		s := northern(root)
		s.noObjects, s.unnamed, s.status = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2)
		s.refuse = map[string]string{}
		for _, p := range []string{paramURL, paramUsername, paramPassword, paramPeriodicInterval} {
			if r.IntN(8) == 0 {
				s.refuse[root+p] = "9007"
			}
			if r.IntN(8) == 0 && p != paramURL {
				delete(s.values, root+p)
			}
		}
		c := URLMoveConfig{
			Root: root, From: []string{oldURL}, To: newURL, Username: new("new"), Password: new("new-secret"),
			Side: []cwmp.Param{{Name: root + paramPeriodicInterval, Value: "60"}},
		}
		m, err := NewURLMove(c)
		if err != nil {
			t.Fatal(err)
		}
		run(t, m, s, r.IntN(6), RPCResult{Unknown: true})
		moved := s.values[root+paramURL] == newURL
		if s.values[root+paramPassword] == "new-secret" != moved || s.values[root+paramUsername] == "new" != moved {
			t.Fatalf("URL and credentials of different ACSs: %v", s.values)
		}
		got := m.Outcome().Result
		if may := got == MoveSet || got == MovePending || got == MoveUnknown; moved && !may || got == MoveSet && !moved {
			t.Fatalf("outcome %q, moved %v: %v", got, moved, s.values)
		}
		if again, _ := NewURLMove(c); moved {
			s.unreadable = false
			run(t, again, s, -1, RPCResult{})
			if got := again.Outcome().Result; got != MoveAlready {
				t.Fatalf("the second run says %q of a CPE that has moved", got)
			}
		}
	}
}

func TestNewURLMove_Refuses(t *testing.T) {
	long := "https://acs.isp.example/" + strings.Repeat("x", 300)
	for _, test := range []struct {
		c    URLMoveConfig
		want string
	}{
		{URLMoveConfig{Root: "", To: newURL}, "root"},
		{URLMoveConfig{Root: RootDevice, To: ""}, "is not a URL"},
		{URLMoveConfig{Root: RootDevice, To: "ftp://acs.isp.example/"}, "is not a URL"},
		{URLMoveConfig{Root: RootDevice, To: "https://"}, "is not a URL"},
		{URLMoveConfig{Root: RootTR098, To: long}, "longer than 256"},
		{URLMoveConfig{Root: RootDevice, To: long + strings.Repeat("x", 1800)}, "longer than 2048"},
		{URLMoveConfig{Root: RootDevice, To: newURL, Password: new(strings.Repeat("p", 257))}, "longer than 256"},
	} {
		if _, err := NewURLMove(test.c); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "ppp") {
			t.Errorf("%+v: %v, want %q", test.c, err, test.want)
		}
	}
	if _, err := NewURLMove(URLMoveConfig{Root: RootDevice, To: long}); err != nil {
		t.Error(err)
	}
}

func TestURLMove_Former(t *testing.T) {
	m, err := NewURLMove(URLMoveConfig{Root: RootDevice, To: newURL})
	if err != nil {
		t.Fatal(err)
	}
	s := northern(RootDevice)
	s.values[RootDevice+"ManagementServer.Irrelevant"] = "x"
	delete(s.values, RootDevice+paramSTUNServer) // so that the object is read
	run(t, m, s, -1, RPCResult{})
	want := map[string]string{
		paramURL: oldURL, paramUsername: "old", paramPeriodicEnable: "true", paramPeriodicInterval: "300",
		paramRequestUsername: "cr", paramSTUNEnable: "0",
	}
	if diff := cmp.Diff(want, m.Outcome().Former); diff != "" {
		t.Errorf("former (-want +got):\n%s", diff)
	}
}

// TestURLMove_WayBack: what the CPE had is what it can be given again, or nothing
// is set.
func TestURLMove_WayBack(t *testing.T) {
	for _, test := range []struct {
		had, former string
		want        MoveResult
	}{
		{"\n  " + oldURL + " ", oldURL, MoveSet},
		{"", "", MoveSet}, // by DHCP
		{"http://old.example/" + strings.Repeat("x", 256), "", MoveNotOurs},
		{"http://old.example/\x01", "", MoveNotOurs},
	} {
		cpe := &scriptedCPE{values: map[string]string{RootTR098 + paramURL: test.had}, noObjects: true}
		m, err := NewURLMove(URLMoveConfig{Root: RootTR098, To: newURL})
		if err != nil {
			t.Fatal(err)
		}
		rpc, more := m.Next(nil)
		for more {
			r := cpe.answer(rpc)
			rpc, more = m.Next(&r)
		}
		out := m.Outcome()
		if out.Result != test.want || test.want == MoveSet && out.URL != test.former || test.want != MoveSet && len(cpe.set) > 0 {
			t.Errorf("%q: %+v, %v", test.had, out, cpe.set)
		}
		if out.Result != MoveSet {
			continue
		}
		if _, err := NewURLMove(URLMoveConfig{Root: RootTR098, To: out.URL, Back: true}); err != nil {
			t.Errorf("there is no way back: %v", err)
		}
	}
}

package proxy

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// marker is in every answer to an RPC of the gateway's.
const marker = "for the gateway alone"

// talk is a conversation whose every turn is chosen by bytes: what the CPE says,
// what the ACS answers, what the gateway injects.
type talk struct {
	t     *testing.T
	s     *Server
	phone *phone

	mu    sync.Mutex // the CPE waits while the ACS answers, so this never does
	moves []byte
	heard []string // by the ACS
	runs  []*run

	story  []string
	cookie string
	last   cwmp.Message // request that the CPE was asked last
	open   bool         // and has not answered
	ours   map[string]int
	latest string // of ours
	serial int
}

// run is one injection of a session.
type run struct{ begun, ended int }

// choose takes a number below n.
func (x *talk) choose(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.moves) == 0 {
		return 0
	}
	b := x.moves[0]
	x.moves = x.moves[1:]
	return int(b) % n
}

func (x *talk) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.moves) == 0
}

// acs answers for the ACS.
func (x *talk) acs(r seen) string {
	x.mu.Lock()
	x.heard = append(x.heard, r.body)
	x.mu.Unlock()
	switch {
	case r.msg.Method == cwmp.MethodInform:
		return xml200(cwmp.InformResponse(r.msg.Dialect, r.msg.ID))
	case r.msg.Kind == cwmp.Request:
		return xml200(cwmp.Call(cwmp.DefaultDialect, r.msg.ID, r.msg.Method+"Response"))
	}
	switch x.choose(8) {
	case 0:
		return xml200(cwmp.GetRPCMethods(cwmp.DefaultDialect, "acs-1"))
	case 1:
		return xml200([]byte(strings.Replace(string(cwmp.Reboot(cwmp.DefaultDialect, "acs-2", "")), "</soap-env:Header>",
			`<cwmp:HoldRequests soap-env:mustUnderstand="1">1</cwmp:HoldRequests></soap-env:Header>`, 1)))
	case 2:
		return challenge("n1")
	case 3:
		return xml200([]byte(setLogin("acs-3", igd, "")))
	case 4:
		return ok200("")
	}
	return "HTTP/1.1 204 No Content\r\n\r\n"
}

// programs are what a session has to carry out.
func (x *talk) programs(InjectionInput) []Injection {
	kind := x.choose(16)
	var list []Injection
	for i := range kind % 4 {
		r, rpcs := &run{}, []RPC{getURL(), setURL("1"), {Method: "AddObject", Names: []string{"Device.A."}}}[:1+(kind>>2+i)%3]
		next := steps(rpcs...)
		list = append(list, Injection{
			Name: fmt.Sprint(i), Head: kind&4 != 0 && i == 0,
			Next: func(last *RPCResult) (RPC, bool) {
				if last == nil {
					r.begun++
				}
				return next(last)
			},
			Ended: func(InjectionResult) { r.ended++ },
		})
		x.runs = append(x.runs, r)
	}
	return list
}

// connect begins another connection of the CPE.
func (x *talk) connect() {
	if x.phone != nil {
		x.phone.hangUp()
	}
	here, there := net.Pipe()
	x.phone = &phone{t: x.t, nc: here, br: bufio.NewReader(here)}
	go x.s.serveConn(x.s.listeners[0], tcpLike{there})
}

// answer is what the CPE says to its last request.
func (x *talk) answer(id string) string {
	if strings.HasPrefix(x.last.ID, "gw-") {
		return x.ourAnswer(id)
	}
	return string(cwmp.Call(cwmp.DefaultDialect, id, x.last.Method+"Response", cwmp.Argument{Name: "Status", Value: "0"}))
}

// markerFor is in the answer to an RPC of the gateway's alone.
func (x *talk) markerFor() string {
	if strings.HasPrefix(x.last.ID, "gw-") {
		return marker
	}
	return ""
}

func (x *talk) ourAnswer(id string) string {
	if x.last.Method == cwmp.MethodGetParameterValues {
		return values(id, mURL, marker)
	}
	return string(cwmp.Call(cwmp.DefaultDialect, id, x.last.Method+"Response", cwmp.Argument{Name: "X", Value: marker}))
}

// say chooses what the CPE says; asks tells that it is a request of its own.
func (x *talk) say() (body string, asks bool) {
	own := string(cwmp.GetRPCMethods(cwmp.DefaultDialect, "cpe-1"))
	wrong := []string{"", "77", "acs-9"}[x.choose(3)]
	switch move := x.choose(16); {
	case move < 4 && x.open:
		return x.answer(x.last.ID), false
	case move == 4 && x.open:
		return string(cwmp.FaultEnvelope(cwmp.DefaultDialect, x.last.ID, "9002", x.markerFor())), false
	case move == 5 && x.open:
		return x.answer(wrong), false
	case move == 6:
		return own, true
	case move == 7 && x.open:
		return x.answer(x.last.ID) + own, true
	case move == 8 && x.open:
		return x.answer(x.last.ID) + x.answer(x.last.ID), false
	case move == 9 && x.latest != "": // late, or again
		return values(x.latest, mURL, marker), false
	case move == 10 && x.open && strings.HasPrefix(x.last.ID, "gw-"):
		return "<html>" + marker, false
	case move == 11:
		x.connect()
	case move == 12:
		return inform(fmt.Sprint(x.serial)), true
	}
	return "", false
}

// turn is one message of the CPE and the reply to it.
func (x *talk) turn(body string, asks bool) {
	before := len(x.said())
	a, err := x.exchange(body)
	x.story = append(x.story, brief(body)+" -> "+fmt.Sprint(a.status)+" "+brief(a.body))
	if isTimeout(err) {
		x.t.Fatalf("no reply\n%s", strings.Join(x.story, "\n"))
	}
	if err != nil || a.fields.Token("Connection", "close") {
		x.connect()
	}
	if pair := a.cookie(x.t); pair != "" {
		x.cookie = pair
	}
	wasOpen := x.open && strings.HasPrefix(x.last.ID, "acs-")
	x.open = false
	if a.body == "" || a.status != 200 {
		return
	}
	all, err := cwmp.ScanAll([]byte(a.body), cwmp.Options{})
	if err != nil || len(all) != 1 {
		x.t.Fatalf("%d envelopes in a reply, %v\n%s", len(all), err, strings.Join(x.story, "\n"))
	}
	if all[0].Kind != cwmp.Request {
		return
	}
	x.last, x.open = all[0], true
	if !strings.HasPrefix(x.last.ID, "gw-") {
		return
	}
	switch {
	case asks:
		x.t.Fatalf("a request of the CPE's was answered with one of the gateway's\n%s", strings.Join(x.story, "\n"))
	case wasOpen && len(x.said()) == before:
		x.t.Fatalf("the gateway asks while the ACS waits for an answer\n%s", strings.Join(x.story, "\n"))
	case x.ours[x.last.ID] == maxSends:
		x.t.Fatalf("one RPC is sent without end\n%s", strings.Join(x.story, "\n"))
	}
	x.ours[x.last.ID]++
	x.latest = x.last.ID
}

// brief names the envelopes of a body.
func brief(body string) string {
	all, err := cwmp.ScanAll([]byte(body), cwmp.Options{})
	if err != nil {
		return fmt.Sprintf("%.60q", body)
	}
	var names []string
	for i := range all {
		names = append(names, all[i].Kind.String()+" "+all[i].Method+" "+all[i].ID)
	}
	return strings.Join(names, " + ")
}

func (x *talk) exchange(body string) (answered, error) {
	if _, err := x.phone.nc.Write([]byte(post(body, cookieLine(x.cookie)...))); err != nil {
		return answered{}, err
	}
	return x.phone.tryHear()
}

func (x *talk) said() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.heard)
}

// hold holds the conversation and judges it.
func (x *talk) hold() {
	x.connect()
	x.turn(inform(fmt.Sprint(x.serial)), true)
	for n := 0; n < 60 && !x.over(); n++ {
		x.turn(x.say())
	}
	x.phone.hangUp()
	x.s.endAll()
	eventually(x.t, "all sessions have ended", func() bool { x.s.endAll(); return x.s.SessionCount("") == 0 })
	x.s.table.byID.Clear()
	for _, body := range x.said() {
		if strings.Contains(body, marker) || strings.Contains(body, "gw-") {
			x.t.Fatalf("the ACS heard %s\n%s", brief(body), strings.Join(x.story, "\n"))
		}
	}
	for i, r := range x.runs {
		if r.begun > 1 || r.ended > 1 || r.begun > r.ended {
			x.t.Fatalf("injection %d has begun %d times and ended %d times\n%s", i, r.begun, r.ended, strings.Join(x.story, "\n"))
		}
	}
}

// talker holds conversations with one server, one after the other.
func talker(tb testing.TB) func(*testing.T, []byte) *talk {
	tb.Helper()
	var now *talk
	acs := newACS(tb, func(r seen) string { return now.acs(r) })
	acs.forget = true
	up := UpstreamConfig{Name: "a", URL: acs.url()}
	up.SetDefaults()
	cfg := Config{Listen: []ListenConfig{{Name: "cpe", Address: "127.0.0.1:0"}}, Upstreams: []UpstreamConfig{up}}
	cfg.Listen[0].SetDefaults()
	cfg.Session.SetDefaults()
	cfg.Limits.SetDefaults()
	s, err := New(cfg, Deps{
		Route:      func(RouteInput) Route { return Route{ACS: "a"} },
		Injections: func(in InjectionInput) []Injection { return now.programs(in) },
		Metrics:    prometheus.NewRegistry(), Log: zap.NewNop(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.closeListeners)
	serial := 0
	return func(t *testing.T, moves []byte) *talk {
		t.Helper()
		serial++
		now = &talk{t: t, s: s, moves: moves, ours: map[string]int{}, serial: serial}
		now.hold()
		return now
	}
}

// TestInjectInAnyOrder: whatever the CPE and the ACS say, one RPC is out at a
// time, none answers a request, and no answer to one reaches the ACS.
func TestInjectInAnyOrder(t *testing.T) {
	t.Parallel()
	hold := talker(t)
	rng := rand.New(rand.NewPCG(1, 2))
	sent, begun := 0, 0
	for range 150 {
		moves := make([]byte, 20+rng.IntN(60))
		for i := range moves {
			moves[i] = byte(rng.Uint32())
		}
		x := hold(t, moves)
		sent += len(x.ours)
		for _, r := range x.runs {
			begun += r.begun
		}
	}
	if sent < 200 || begun < 100 {
		t.Errorf("only %d RPCs of %d programs were sent: the test shows nothing", sent, begun)
	}
	t.Logf("%d RPCs of %d programs", sent, begun)
}

// FuzzInject looks for an order in which that is not so.
func FuzzInject(f *testing.F) {
	f.Add([]byte{7, 0, 15, 0, 7, 0, 0, 0, 0, 0, 1})
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz0123456789"))
	hold := talker(f)
	f.Fuzz(func(t *testing.T, moves []byte) { hold(t, moves) })
}

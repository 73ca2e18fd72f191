package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/webhook"
)

// TestEvents_OfEverything that happens, to a reader of all and to those who want
// less.
func TestEvents_OfEverything(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{acs: ", backup: south"})
	all := w.reads("root", admin.EventQuery{})
	noc := w.reads("noc", admin.EventQuery{})
	some := w.reads("wall", admin.EventQuery{Kinds: []journal.Kind{journal.KindMove, journal.KindACS}})
	h := w.natted(1)
	one := w.reads("wall", admin.EventQuery{Device: h.id.String(), Kinds: []journal.Kind{journal.KindSession}})
	if got, err := new(w.as("noc")).Wake(t.Context(), h.id); err != nil || !got.OK {
		t.Fatalf("%+v, %v", got, err)
	}
	c := w.known("", 2)
	w.begin(drainTo("route"))
	w.member("d", c, "asked")
	want(t, w.live(c), "south")
	w.member("d", c, "arrived")
	w.south.SetDown(true)
	all.has(journal.KindACS, `"state":"down"`)
	w.south.SetDown(false)
	all.has(journal.KindACS, `"state":"up"`)
	for kind, text := range map[journal.Kind]string{
		journal.KindInform: `"2 PERIODIC"`, journal.KindSession: `"outcome":"complete"`, journal.KindBinding: `"change":"new"`,
		journal.KindConnectionRequest: `"ok":true`, journal.KindMove: `"campaign":"d"`, journal.KindCampaign: `"status":"running"`,
		journal.KindAudit: `connection-request`,
	} {
		all.has(kind, text)
	}
	inform := all.has(journal.KindInform, c.Device().String())
	var text struct {
		ID     uint64
		At     time.Time
		Device string
		ACS    string
		Text   string
	}
	if err := json.Unmarshal(inform.JSON, &text); err != nil || text.ID != inform.ID || text.At.IsZero() || text.Device != c.Device().String() || text.ACS != "north" || text.Text == "" {
		t.Errorf("%s: %v", inform.JSON, err)
	}
	some.has(journal.KindACS, `"state":"up"`)
	for _, e := range some.all() {
		if e.Kind != journal.KindMove && e.Kind != journal.KindACS {
			t.Errorf("an event %s was not asked for", e.Kind)
		}
	}
	one.has(journal.KindSession, h.id.String())
	for _, e := range one.all() {
		if e.Kind != journal.KindSession || !strings.Contains(string(e.JSON), `"device":"`+h.id.String()+`"`) {
			t.Errorf("not asked for: %s", e.JSON)
		}
	}
	noc.has(journal.KindACS, `"state":"up"`)
	if slices.ContainsFunc(noc.all(), func(e admin.StreamEvent) bool { return e.Kind == journal.KindAudit }) {
		t.Error("an operator reads the audit log")
	}
}

// TestEvents_ResumeWithoutLoss: who comes back with the id of the last event that it
// had gets all that came meanwhile, once and in order.
func TestEvents_ResumeWithoutLoss(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{})
	whole := w.reads("wall", admin.EventQuery{})
	parts := w.reads("wall", admin.EventQuery{})
	var got []uint64
	for round := range 3 {
		c := w.known("", 1+round)
		parts.has(journal.KindSession, c.Device().String())
		parts.stop()
		for _, e := range parts.all() {
			got = append(got, e.ID)
		}
		c = w.known("", 101+round) // which nobody of parts sees
		whole.has(journal.KindSession, c.Device().String())
		parts = w.reads("wall", admin.EventQuery{After: got[len(got)-1]})
		parts.has(journal.KindSession, c.Device().String())
	}
	for _, e := range parts.all() {
		got = append(got, e.ID)
	}
	var want []uint64
	for _, e := range whole.all() {
		if want = append(want, e.ID); e.Lost != 0 {
			t.Errorf("%d events are lost", e.Lost)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("in parts %v, as a whole %v", got, want)
	}
	w.status(http.StatusBadRequest, "wall", http.MethodGet, "events", "", "Last-Event-ID", "yesterday")
}

// TestEvents_OfAScope: a customer's stream has the customer's devices, whatever it
// asks for, and nothing of the gateway as a whole.
func TestEvents_OfAScope(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{scopes: []scoped{{"customer", "admin", `serial: ["EASY00001*"]`}}})
	all, mine := w.reads("root", admin.EventQuery{}), w.reads("customer", admin.EventQuery{})
	own, other := w.natted(11), w.natted(21)
	for _, h := range []*home{own, other} {
		if got, err := w.api.Wake(t.Context(), h.id); err != nil || !got.OK {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	w.begin(drainTo("route"))
	w.south.SetDown(true)
	all.has(journal.KindACS, `"state":"down"`)
	last := w.known("", 12)
	mine.has(journal.KindSession, last.Device().String())
	kinds := map[journal.Kind]bool{}
	for _, e := range mine.all() {
		kinds[e.Kind] = true
		if !strings.Contains(string(e.JSON), `"device":"FFFFFF-easycwmp-EASY00001`) || strings.Contains(string(e.JSON), other.id.SerialNumber) {
			t.Errorf("the customer reads %s", e.JSON)
		}
	}
	for _, kind := range []journal.Kind{journal.KindInform, journal.KindSession, journal.KindBinding, journal.KindConnectionRequest} {
		if !kinds[kind] {
			t.Errorf("no event %s", kind)
		}
	}
	if n := len(all.all()); n <= len(mine.all()) {
		t.Errorf("the whole has %d events, the customer %d", n, len(mine.all()))
	}
	w.status(http.StatusNotFound, "customer", http.MethodGet, "events?device="+other.id.String(), "")
	w.status(http.StatusForbidden, "customer", http.MethodGet, "events?kinds=audit", "")
	// What came before belongs to somebody, too.
	again := w.reads("customer", admin.EventQuery{After: all.all()[0].ID})
	again.has(journal.KindSession, last.Device().String())
	for _, e := range again.all() {
		if e.Lost == 0 && !strings.Contains(string(e.JSON), `"device":"FFFFFF-easycwmp-EASY00001`) {
			t.Errorf("the customer reads %s when it comes back", e.JSON)
		}
	}
}

// TestEvents_OfAnACS: who has the devices of an ACS reads of them from their first
// Inform to that in which they have gone to another.
func TestEvents_OfAnACS(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{scopes: []scoped{{"north", "viewer", "acs: [north]"}, {"south", "viewer", "acs: [south]"}}})
	north, south := w.reads("north", admin.EventQuery{}), w.reads("south", admin.EventQuery{})
	c := w.known("", 1)
	north.has(journal.KindInform, c.Device().String())
	north.has(journal.KindSession, c.Device().String())
	w.begin(drainTo("route"))
	w.member("d", c, "asked")
	want(t, w.live(c), "south")
	south.has(journal.KindInform, c.Device().String())
	south.has(journal.KindSession, c.Device().String())
	stays := w.known("", 2)
	north.has(journal.KindSession, stays.Device().String())
	for _, e := range south.all() {
		if !strings.Contains(string(e.JSON), c.Device().String()) {
			t.Errorf("south reads %s", e.JSON)
		}
	}
	for _, e := range north.all() {
		if e.Kind == journal.KindSession && strings.Contains(string(e.JSON), `"acs":"south"`) {
			t.Errorf("north reads %s", e.JSON)
		}
	}
}

// TestEvents_ASlowReaderSlowsNobody: it opens the stream and takes nothing, while
// sessions go on and others read them.
func TestEvents_ASlowReaderSlowsNobody(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{rest: "journal: {replay: 1MB}\n"})
	conn, err := net.Dial("tcp", w.AdminAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %sevents HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", admin.PathAPI, w.AdminAddr(), secretOf("root")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the slow reader is there", func() bool { return w.readers() == 1 })
	fast := w.reads("root", admin.EventQuery{Kinds: []journal.Kind{journal.KindSession}})
	// More than all buffers between here and there hold, so that the reader stands.
	id, pad := w.device("", 900).Device(), strings.Repeat("x", 4<<10)
	for range 3000 {
		w.journal.Publish(journal.Event{Kind: journal.KindInjection, Device: id, Text: pad, Data: &journal.Injection{Text: pad}})
	}
	for i := range 20 {
		c := w.known("", 1+i)
		fast.has(journal.KindSession, c.Device().String())
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 1<<20)
	for found := false; !found; {
		if !lines.Scan() {
			t.Fatalf("the stream ends without a word of what is lost: %v", lines.Err())
		}
		found = lines.Text() == "event: lost"
	}
}

// receiver is a server that is told of events.
type receiver struct {
	t      *testing.T
	secret []byte
	mu     sync.Mutex
	refuse int            // so many are answered with 500
	seen   map[string]int // attempts of each delivery
	events []hooked
}

// hooked is an event as a receiver reads it.
type hooked struct {
	ID          uint64
	Kind        journal.Kind
	Device, ACS string
}

func (r *receiver) ServeHTTP(rw http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err == nil {
		err = webhook.Verify(r.secret, q.Header.Get(webhook.SignatureHeader), body, time.Now(), time.Minute)
	}
	if err != nil {
		r.t.Errorf("delivery: %v", err)
	}
	if webhook.Verify([]byte("another secret of some length"), q.Header.Get(webhook.SignatureHeader), body, time.Now(), time.Minute) == nil {
		r.t.Error("another secret is as good")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[q.Header.Get(webhook.DeliveryHeader)]++
	if r.refuse > 0 {
		r.refuse--
		rw.WriteHeader(http.StatusInternalServerError)
		return
	}
	var events []hooked
	if err := json.Unmarshal(body, &events); err != nil {
		r.t.Errorf("%s: %v", body, err)
	}
	r.events = append(r.events, events...)
}

// TestWebhook_EndToEnd: signed, filtered, and again after an error of the receiver.
func TestWebhook_EndToEnd(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-a-receiver"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, secret: []byte(secret), refuse: 1, seen: map[string]int{}}
	server := httptest.NewServer(r)
	defer server.Close()
	w := newOperated(t, operatedSetup{rest: fmt.Sprintf(
		"events: {webhooks: [{name: crm, url: %q, secret_file: %q, kinds: [session, inform]}]}\n", server.URL+"/hook?key=in-the-url", file)})
	defer w.stop() // before the server
	var all []*simnet.CPE
	for i := range 3 {
		all = append(all, w.known("", 1+i))
	}
	got := func(kind journal.Kind, id cwmp.DeviceID) (n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.events {
			if e.Kind == kind && e.Device == id.String() {
				n++
			}
		}
		return n
	}
	for _, c := range all {
		for _, kind := range []journal.Kind{journal.KindInform, journal.KindSession} {
			w.eventually("the receiver is told", func() bool { return got(kind, c.Device()) == 1 })
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(slices.Collect(maps.Values(r.seen)), 2) {
		t.Errorf("no delivery came twice: %v", r.seen)
	}
	for i, e := range r.events {
		if e.Kind != journal.KindInform && e.Kind != journal.KindSession || e.ACS != "north" || i > 0 && e.ID <= r.events[i-1].ID {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if effective := get[admin.ConfigView](w, "root", "config").Effective; strings.Contains(effective, "in-the-url") || !strings.Contains(effective, "name: crm") {
		t.Errorf("the configuration shows\n%s", effective)
	}
}

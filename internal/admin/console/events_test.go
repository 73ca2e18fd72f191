package console

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/journal"
)

// reading reads the stream of events of one who is signed in.
type reading struct {
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

// read opens a stream, which has begun when it returns.
func (b *browser) read(path string) *reading {
	b.t.Helper()
	server := httptest.NewServer(b.console)
	b.t.Cleanup(server.Close)
	return b.readAt(server.URL, path)
}

// readAt is read at an address where the console is served.
func (b *browser) readAt(base, path string) *reading {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	client := &http.Client{Transport: &http.Transport{}}
	answer, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { cancel(); answer.Body.Close(); client.CloseIdleConnections() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || got != "text/event-stream" {
		b.t.Fatalf("%d %s", answer.StatusCode, got)
	}
	return &reading{bufio.NewScanner(answer.Body), cancel}
}

// next returns the next row, "" at the end.
func (r *reading) next() string {
	for r.lines.Scan() {
		if row, ok := strings.CutPrefix(r.lines.Text(), "data: "); ok {
			return row
		}
	}
	return ""
}

func (w *world) publish(events ...journal.Event) {
	for _, e := range events {
		w.journal.Publish(e)
	}
	w.journal.Flush()
}

func TestStream_RowsAsTheyCome(t *testing.T) {
	w := newWorld(t)
	stream := w.as(viewerToken).read("/events/stream?after=0")
	w.publish(w.fake.happened(evil)...)
	row := stream.next()
	if !strings.Contains(row, `<a class="mono" href="/devices/`+evil.String()+`">`) || strings.Contains(row, "<script>") || strings.Contains(row, "<img") {
		t.Errorf("row %q", row)
	}
	mustSay(t, "row", row, "session", "complete after 5 exchanges")
}

func TestStream_Filters(t *testing.T) {
	w := newWorld(t)
	stream := w.as(viewerToken).read("/events/stream?after=0&kind=binding&device=" + reachable.String())
	w.publish(w.fake.happened(unreachable)...)
	w.publish(w.fake.happened(reachable)...)
	if row := stream.next(); !strings.Contains(row, reachable.String()) || !strings.Contains(row, ">binding<") {
		t.Errorf("row %q", row)
	}
}

func TestStream_OfALimitedToken(t *testing.T) {
	w := newWorld(t)
	stream := w.as(tenantToken).read("/events/stream?after=0")
	w.publish(journal.Event{Kind: journal.KindACS, ACS: "north", Text: "north is down"})
	w.publish(w.fake.happened(unreachable)...)
	w.publish(w.fake.happened(reachable)[:1]...)
	if row := stream.next(); !strings.Contains(row, reachable.String()) {
		t.Errorf("row %q", row)
	}
}

func TestStream_AuditIsForAdmins(t *testing.T) {
	w := newWorld(t)
	for _, token := range []string{viewerToken, operatorToken, tenantToken} {
		w.as(token).get("/events/stream?kind=audit", 403)
		w.as(token).get("/events?kind=audit", 403)
		w.as(token).get("/audit", 403)
	}
	stream := w.as(adminToken).read("/events/stream?kind=audit&after=0&view=audit")
	w.publish(journal.Event{Kind: journal.KindAudit, Text: "token root: POST /x: 200", Data: &journal.Audit{Token: "root", Path: "/x", Status: 200, Detail: hostile}})
	if page := w.as(viewerToken).get("/events", 200); strings.Contains(page, "POST /x") {
		t.Error("a viewer sees the audit log")
	}
	for range 20 {
		row := stream.next()
		if !strings.HasPrefix(row, "<tr ") {
			t.Fatalf("row %q", row)
		}
		if strings.Contains(row, "/x<") {
			mustSay(t, "row", row, "root", hostile)
			return
		}
	}
	t.Error("the event is not in the stream")
}

// The stream of one who has signed out ends with the next event.
func TestStream_EndsWithTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.as(viewerToken)
	stream := b.read("/events/stream?after=0&kind=binding")
	b.post("/logout", nil)
	w.publish(w.fake.happened(reachable)...)
	if row := stream.next(); row != "" {
		t.Errorf("row %q", row)
	}
}

// An open page delays no stop: its stream ends by itself, and is not cut.
func TestStream_EndsWithTheListener(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	base, stopped := w.listen(ctx)
	b := w.browser()
	b.signIn(viewerToken)
	stream := b.readAt(base, "/events/stream?after=0&kind=binding")
	w.publish(w.fake.happened(reachable)...)
	if stream.next() == "" {
		t.Fatal("no row")
	}
	stop()
	if row := stream.next(); row != "" || stream.lines.Err() != nil {
		t.Errorf("row %q, %v", row, stream.lines.Err())
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStream_IsBounded(t *testing.T) {
	w := newWorld(t)
	for range maxStreams {
		w.console.streams.enter()
	}
	w.as(viewerToken).get("/events/stream", 503)
}

func TestEvents_BeginWithTheLast(t *testing.T) {
	w := newWorld(t)
	w.publish(w.fake.happened(reachable)...)
	page := w.as(viewerToken).get("/events?kind=binding", 200)
	mustSay(t, "events", page, "moved from 198.51.100.17:50077")
	if strings.Contains(page, "complete after 5 exchanges") {
		t.Error("kinds that were not asked for")
	}
	if !strings.Contains(page, "/events/stream?after=") || strings.Contains(page, "after=0&amp;") {
		t.Error("the stream does not go on after what is shown")
	}
}

func TestEntry_DamagedDocuments(t *testing.T) {
	for _, kind := range append(journal.Kinds(), "new_one") {
		for _, text := range []string{"null", "[]", `"x"`, `{"legs":[{"at_ms":-5,"took_ms":1e300,"acs_ms":1e308}],"took_ms":-1}`, `{"legs":7}`, "{"} {
			f := journal.Frame{Header: journal.Header{ID: 1, Kind: kind}, JSON: []byte(`{"at":"2026-08-02T12:00:00Z","kind":"` + string(kind) + `","text":"x","data":` + text + `}`)}
			e := entryOf(&f)
			for _, l := range e.Legs {
				if l.X < 0 || l.Width < 0 || l.X+l.Width > 1000 || l.ACSWidth > l.Width || l.ACSWidth < 0 {
					t.Errorf("%s %s: leg %+v", kind, text, l)
				}
			}
		}
	}
	if e := entryOf(&journal.Frame{Header: journal.Header{Kind: journal.KindACS, ACS: "north"}, JSON: []byte("nonsense")}); e.ACS != "north" || e.Text == "" {
		t.Errorf("%+v", e)
	}
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/journal"
)

// publishAll publishes one event of each kind, those about devices for each device.
func publishAll(f *fakeGateway) {
	for _, kind := range journal.Kinds() {
		if !deviceKind(kind) {
			f.Publish(journal.Event{Kind: kind, ACS: "north", Text: "of all"})
			continue
		}
		for _, id := range fakeDevices() {
			f.Publish(journal.Event{Kind: kind, Device: id, ACS: "north", Text: "of a device"})
		}
	}
	f.Publish(journal.Event{Kind: journal.KindInform, Text: "of no device"})
	f.Publish(journal.Event{Kind: journal.KindSession, Device: tenantDevice, Text: "the end"})
}

// readAll reads events from the beginning until the one that publishAll ends with.
func readAll(t *testing.T, s *Server, token string, q EventQuery) (lines []string, all []StreamEvent) {
	t.Helper()
	q.After = 1
	c := Client{Address: s.Addr().String(), TokenFile: writeToken(t, token)}
	end := errors.New("the end")
	err := c.Events(t.Context(), q, func(e StreamEvent) error {
		if strings.Contains(string(e.JSON), "the end") {
			return end
		}
		if e.Lost > 0 { // those of former lives
			return nil
		}
		var d event
		if err := json.Unmarshal(e.JSON, &d); err != nil || d.ID != e.ID || d.Kind != string(e.Kind) {
			t.Errorf("%+v: %v", e, err)
		}
		all = append(all, e)
		lines = append(lines, d.Kind+" "+d.Device)
		return nil
	})
	if !errors.Is(err, end) {
		t.Fatal(err)
	}
	return lines, all
}

func TestEvents_EachReaderGetsWhatItMaySee(t *testing.T) {
	f, s := startFake(t, nil)
	publishAll(f)
	whole, _ := readAll(t, s, adminToken, EventQuery{})
	if !slices.Contains(whole, "audit ") || !slices.Contains(whole, "acs ") || !slices.Contains(whole, "inform "+scriptDevice.String()) {
		t.Errorf("admin: %q", whole)
	}
	viewer, all := readAll(t, s, viewerToken, EventQuery{})
	if slices.Contains(viewer, "audit ") || len(viewer) != len(whole)-1 {
		t.Errorf("viewer: %q", viewer)
	}
	if ids := slices.IsSortedFunc(all, func(a, b StreamEvent) int { return int(a.ID) - int(b.ID) }); !ids {
		t.Error("out of order")
	}
	tenant, _ := readAll(t, s, tenantToken, EventQuery{})
	var want []string
	for _, kind := range journal.Kinds() {
		if deviceKind(kind) {
			want = append(want, string(kind)+" "+tenantDevice.String())
		}
	}
	if !slices.Equal(tenant, want) {
		t.Errorf("tenant: %q", tenant)
	}
	some, _ := readAll(t, s, viewerToken, EventQuery{Kinds: []journal.Kind{journal.KindMove, journal.KindSession}, Device: tenantDevice.String()})
	if !slices.Equal(some, []string{"session " + tenantDevice.String(), "move " + tenantDevice.String()}) {
		t.Errorf("some: %q", some)
	}
	api(t, s, viewerToken, "GET", "events?kinds=audit", "").wantStatus(t, 403)
	api(t, s, tenantToken, "GET", "events?kinds=inform,audit", "").wantStatus(t, 403)
	api(t, s, viewerToken, "GET", "events", "", "Last-Event-ID", "x").wantStatus(t, 400)
	api(t, s, viewerToken, "HEAD", "events", "").wantStatus(t, 200)
}

// TestEvents_AStreamGoesOnWhereItEnded: with the number of those that were lost.
func TestEvents_AStreamGoesOnWhereItEnded(t *testing.T) {
	f, s := startFake(t, nil)
	publishAll(f)
	lines, all := readAll(t, s, adminToken, EventQuery{})
	header := http.Header{"Last-Event-Id": {fmt.Sprint(all[3].ID)}}
	c := Client{Address: s.Addr().String(), TokenFile: writeToken(t, adminToken)}
	var got []uint64
	end := errors.New("the end")
	err := c.send(t.Context(), "GET", "events", header, nil, func(r *http.Response) error {
		return readEvents(r.Body, func(e StreamEvent) error {
			if strings.Contains(string(e.JSON), "the end") {
				return end
			}
			got = append(got, e.ID)
			return nil
		})
	})
	if !errors.Is(err, end) || len(got) != len(lines)-4 || got[0] != all[4].ID {
		t.Errorf("%v of %d, %v", got, len(lines), err)
	}
}

func TestReadEvents(t *testing.T) {
	stream := ": still here\n\nretry: 5\n\nid: 5\nevent: inform\ndata: {\"a\":\ndata: 1}\n\nevent: lost\ndata: {\"lost\":7}\n\n"
	var got []string
	err := readEvents(strings.NewReader(stream), func(e StreamEvent) error {
		got = append(got, fmt.Sprintf("%d %s %s %d", e.ID, e.Kind, e.JSON, e.Lost))
		return nil
	})
	if want := []string{`5 inform {"a":1} 0`, `0   7`}; !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEvents_ReadersAreBounded(t *testing.T) {
	f, s := startFake(t, nil)
	open := func(token string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr().String()+PathAPI+"events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	var readers []*http.Response
	for range maxScopedReaders {
		r := open(tenantToken)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" || r.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", r.StatusCode, r.Header)
		}
		readers = append(readers, r)
	}
	if r := open(tenantToken); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d", r.StatusCode)
	}
	if r := open(adminToken); r.StatusCode != 200 {
		t.Errorf("another token: %d", r.StatusCode)
	}
	ask(t, s, "", "GET", PathMetrics, "").wantText(t, fmt.Sprintf("acsgate_admin_events_readers %d\n", maxScopedReaders+1))
	_ = readers[0].Body.Close()
	for {
		f.Publish(journal.Event{Kind: journal.KindInform, Device: tenantDevice, Text: "so that the end is noticed"})
		if r := open(tenantToken); r.StatusCode == 200 {
			break
		}
	}
}

// TestEvents_ASlowReaderIsDropped: one that does not read ends at the write's
// deadline, whoever publishes goes on.
func TestEvents_ASlowReaderIsDropped(t *testing.T) {
	w := &stuckWriter{ResponseRecorder: httptest.NewRecorder()}
	calls := 0
	stream(t.Context(), w, func(context.Context) ([][]byte, uint64, error) {
		calls++
		return [][]byte{[]byte("data: x\n\n")}, 0, nil
	})
	if calls != 3 || w.without > 0 {
		t.Errorf("%d calls, %d writes without a deadline", calls, w.without)
	}
}

// stuckWriter takes two writes; the third one's time is over.
type stuckWriter struct {
	*httptest.ResponseRecorder
	deadline time.Time
	writes   int
	without  int
}

func (w *stuckWriter) SetWriteDeadline(at time.Time) error {
	w.deadline = at
	return nil
}

func (w *stuckWriter) Write(data []byte) (int, error) {
	if w.deadline.IsZero() {
		w.without++
	}
	if w.writes++; w.writes == 3 {
		return 0, errors.New("i/o timeout")
	}
	return w.ResponseRecorder.Write(data)
}

// TestEvents_EndWithTheListener: no reader keeps a gateway from ending.
func TestEvents_EndWithTheListener(t *testing.T) {
	var response *http.Response
	t.Run("a life", func(life *testing.T) { // the gateway ends with it
		_, s := startFake(life, nil)
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr().String()+PathAPI+"events?acs=nobody", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+viewerToken)
		if response, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	})
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for value, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "": false, "xgzip": false, "deflate, gzip;q=1.0, *;q=0.5": true,
	} {
		if got := acceptsGzip(&http.Request{Header: http.Header{"Accept-Encoding": {value}}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

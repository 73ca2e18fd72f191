package webhook

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

const somewhere = "https://noc.example/hook?key=hunter2"

func TestDeliver_InOrderAndFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Hook{URL: somewhere, Kinds: []string{"acs", "move"}, ACS: "north"})
		r := f.receiver()
		f.start()
		synctest.Wait()
		f.publish(2, journal.Event{Kind: journal.KindACS, ACS: "north", Text: `</script>"`, Data: &journal.ACSState{State: "down"}})
		f.publish(2, journal.Event{Kind: journal.KindACS, ACS: "south"})
		f.publish(2, journal.Event{Kind: journal.KindInform, ACS: "north"})
		f.publish(1, journal.Event{Kind: journal.KindMove, ACS: "north", Device: cwmp.DeviceID{OUI: "00D09E", SerialNumber: "\xff<"}})
		synctest.Wait()
		f.stop()
		last, n := uint64(0), 0
		for _, a := range r.got() {
			for _, e := range a.events {
				if e.ID <= last || e.ACS != "north" || e.Kind == "inform" || e.Kind == "acs" && (e.Text != `</script>"` || !strings.Contains(string(e.Data), `"down"`)) {
					t.Errorf("%+v after %d", e, last)
				}
				last, n = e.ID, n+1
			}
		}
		if n != 3 || f.dropped() != 0 || f.deliveries(delivered) != len(r.got()) {
			t.Errorf("%d events, %d dropped, %d deliveries of %d", n, f.dropped(), f.deliveries(delivered), len(r.got()))
		}
	})
}

// TestDeliver_TriesAgain: the same delivery, later and later, signed anew, until it is
// taken.
func TestDeliver_TriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Hook{URL: somewhere})
		r := f.receiver()
		r.answer = func(n int) (*http.Response, error) {
			switch n {
			case 1:
				return nil, errors.New("connection refused")
			case 2:
				return status(http.StatusFound, "Location", "https://elsewhere.example/"), nil
			case 3:
				return status(http.StatusTooManyRequests, "Retry-After", "100"), nil
			case 4:
				return status(http.StatusServiceUnavailable, "Retry-After", "999999999999999"), nil
			case 5:
				return status(http.StatusUnauthorized), nil
			}
			return status(http.StatusOK), nil
		}
		f.start()
		synctest.Wait()
		f.publish(1, journal.Event{Kind: journal.KindACS})
		time.Sleep(10 * time.Minute)
		f.stop()
		got := r.got()
		if len(got) != 6 || f.deliveries(failed) != 5 || f.deliveries(delivered) != 1 || f.dropped() != 0 {
			t.Fatalf("%d attempts, %d failed, %d dropped", len(got), f.deliveries(failed), f.dropped())
		}
		exact := map[int]time.Duration{2: 100 * time.Second, 3: maxDelay} // as it was asked to
		for i := range 5 {
			least, most := delay(i+1, 0), delay(i+1, 1)
			if d, ok := exact[i]; ok {
				least, most = d, d
			}
			if wait := got[i+1].at.Sub(got[i].at); wait < least || wait > most {
				t.Errorf("attempt %d after %s, want %s to %s", i+2, wait, least, most)
			}
			if got[i+1].id != got[0].id || got[0].id == "" || len(got[i+1].events) != 1 {
				t.Errorf("attempt %d is %+v, want %q again", i+2, got[i+1], got[0].id)
			}
		}
		lines := f.log.String()
		if strings.Count(lines, "trying again") != 1 || strings.Count(lines, "delivered again") != 1 {
			t.Errorf("log:\n%s", lines)
		}
		for _, s := range []string{secret, "hunter2"} {
			if strings.Contains(lines, s) {
				t.Errorf("%q is logged:\n%s", s, lines)
			}
		}
	})
}

// TestDeliver_GivesUp: after the last attempt, or at once when the receiver says that
// it will never take it, and goes on with what comes after.
func TestDeliver_GivesUp(t *testing.T) {
	for code, want := range map[int]int{http.StatusInternalServerError: maxAttempts, http.StatusBadRequest: 1} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, Hook{URL: somewhere})
			r := f.receiver()
			r.answer = func(n int) (*http.Response, error) {
				if n <= want {
					return status(code), nil
				}
				return status(http.StatusOK), nil
			}
			f.start()
			synctest.Wait()
			f.publish(3, journal.Event{Kind: journal.KindACS})
			time.Sleep(time.Hour)
			f.publish(1, journal.Event{Kind: journal.KindMove})
			time.Sleep(time.Hour)
			f.stop()
			got := r.got()
			if len(got) != want+1 || got[want].events[0].Kind != "move" || got[want].id == got[0].id || f.dropped() != 3 {
				t.Errorf("status %d: %d attempts, want %d; %d dropped", code, len(got)-1, want, f.dropped())
			}
		})
	}
}

// TestDeliver_Down: who is away for long costs a bounded queue, and is then told of
// the newest.
func TestDeliver_Down(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, Hook{URL: somewhere})
		r := f.receiver()
		var up atomic.Bool
		r.answer = func(int) (*http.Response, error) {
			if up.Load() {
				return status(http.StatusOK), nil
			}
			return nil, errors.New("no route to host")
		}
		f.start()
		synctest.Wait()
		const published = 3 * maxQueued
		for range published / 1000 {
			f.publish(1000, journal.Event{Kind: journal.KindInform})
			synctest.Wait()
		}
		up.Store(true)
		before := len(r.got())
		time.Sleep(time.Hour)
		f.stop()
		events, last := 0, uint64(0)
		for _, a := range r.got()[before:] {
			for _, e := range a.events {
				if e.ID <= last {
					t.Fatalf("%d after %d", e.ID, last)
				}
				last, events = e.ID, events+1
			}
		}
		if events+f.dropped() != published || f.dropped() == 0 || events < maxQueued {
			t.Errorf("%d events and %d dropped of %d", events, f.dropped(), published)
		}
	})
}

// TestRun_LastWord: what is in the queue at the end is sent, unless that is hopeless.
func TestRun_LastWord(t *testing.T) {
	for _, failing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, Hook{URL: somewhere})
			r := f.receiver()
			hold := make(chan struct{})
			r.answer = func(n int) (*http.Response, error) {
				switch {
				case failing:
					return nil, errors.New("connection refused")
				case n == 1:
					<-hold
				}
				return status(http.StatusOK), nil
			}
			f.start()
			synctest.Wait()
			f.publish(1, journal.Event{Kind: journal.KindACS})
			synctest.Wait()
			f.publish(2*maxBatch, journal.Event{Kind: journal.KindMove})
			synctest.Wait()
			close(hold)
			began := time.Now()
			f.stop()
			n := 0
			for _, a := range r.got() {
				n += len(a.events)
			}
			if want := 1; failing && (n != want || f.dropped() != 2*maxBatch+1) || !failing && (n != 2*maxBatch+1 || f.dropped() != 0) {
				t.Errorf("failing %t: %d events, %d dropped", failing, n, f.dropped())
			}
			if time.Since(began) > lastWord {
				t.Errorf("the end took %s", time.Since(began))
			}
		})
	}
}

// TestDeliver_TLS is over a network: a certificate that the roots do not vouch for, one
// that they do, redirects and the environment's proxy.
func TestDeliver_TLS(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	t.Setenv("HTTPS_PROXY", other.URL)
	t.Setenv("HTTP_PROXY", other.URL)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		hook Hook
		want result
		err  string
	}{
		"good":    {Hook{URL: server.URL, RootCAFile: roots}, delivered, ""},
		"unknown": {Hook{URL: server.URL}, failed, "certificate"},
		"moved":   {Hook{URL: server.URL + "/moved", RootCAFile: roots}, failed, "status 307"},
	} {
		f := newFixture(t, test.hook)
		h := f.hooks.hooks[0]
		r, _, err := h.attempt(t.Context(), &delivery{id: "1", body: []byte("[]"), n: 1})
		h.client.CloseIdleConnections()
		if r != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %s, %v", name, r, err)
		}
		var unknown x509.UnknownAuthorityError
		if name == "unknown" && !errors.As(err, &unknown) {
			t.Errorf("%v", err)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestRun_NoRoomForReaders(t *testing.T) {
	f := newFixture(t, Hook{URL: somewhere})
	f.hooks.deps.Subscribe = func(journal.Filter, uint64) (*journal.Reader, error) { return nil, errors.New("too many") }
	if err := f.hooks.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `webhook "noc": too many`) {
		t.Errorf("%v", err)
	}
}

func TestDelay(t *testing.T) {
	total := time.Duration(0)
	for n := 1; n < maxAttempts; n++ {
		least, most := delay(n, 0), delay(n, 1)
		if most > maxDelay || least != most/2 || n > 1 && most < delay(n-1, 1) {
			t.Errorf("after attempt %d: %s to %s", n, least, most)
		}
		total += most
	}
	if delay(1, 1) != firstDelay || delay(1000, 1) != maxDelay || total < 8*time.Minute || total > 12*time.Minute {
		t.Errorf("%s, %s, %s in all", delay(1, 1), delay(1000, 1), total)
	}
}

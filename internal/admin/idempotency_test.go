package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestIdempotency_TheSameRequestIsDoneOnce(t *testing.T) {
	f, s := startFake(t, nil)
	wake := "devices/" + oddDevice.String() + "/connection-request"
	first := api(t, s, adminToken, "POST", wake, "", headerKey, "k1").wantStatus(t, 200)
	again := api(t, s, adminToken, "POST", wake, "", headerKey, "k1").wantStatus(t, 200)
	if first.body != again.body || first.Header.Get(headerReplay) != "" || again.Header.Get(headerReplay) != "true" ||
		again.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q %v, then %q %v", first.body, first.Header, again.body, again.Header)
	}
	other := "devices/" + scriptDevice.String() + "/connection-request"
	api(t, s, adminToken, "POST", other, "", headerKey, "k1").wantStatus(t, 422)
	api(t, s, operatorToken, "POST", wake, "", headerKey, "k1").wantStatus(t, 200) // another token's key is another
	api(t, s, adminToken, "POST", wake, "").wantStatus(t, 200)
	if len(f.woken) != 3 {
		t.Errorf("woken: %q", f.woken)
	}

	body := `{"name":"a","to":"south"}`
	created := api(t, s, adminToken, "POST", "campaigns", body, headerKey, "k2").wantStatus(t, 201)
	if again := api(t, s, adminToken, "POST", "campaigns", body, headerKey, "k2").wantStatus(t, 201); again.Header.Get("ETag") != created.Header.Get("ETag") {
		t.Errorf("ETag %q", again.Header.Get("ETag"))
	}
	api(t, s, adminToken, "POST", "campaigns", `{"name":"b","to":"south"}`, headerKey, "k2").wantStatus(t, 422)
	if f.created != 1 {
		t.Errorf("%d campaigns", f.created)
	}
	api(t, s, adminToken, "POST", "campaigns/move/start", "", headerKey, "k3", "If-Match", `"7"`).wantStatus(t, 200)
	api(t, s, adminToken, "POST", "campaigns/move/start", "", headerKey, "k3", "If-Match", `"7"`).wantStatus(t, 200)
	if f.campaign.Revision != 8 {
		t.Errorf("revision %d", f.campaign.Revision)
	}
	lines := api(t, s, adminToken, "POST", "connection-requests", `{"all":true}`, headerKey, "k4").wantStatus(t, 200)
	if again := api(t, s, adminToken, "POST", "connection-requests", `{"all":true}`, headerKey, "k4"); again.body != lines.body || again.Header.Get("Content-Type") != mediaLines {
		t.Errorf("%q, then %q", lines.body, again.body)
	}
	for _, key := range []string{strings.Repeat("x", maxKey+1), "caf\u00e9"} {
		api(t, s, adminToken, "POST", wake, "", headerKey, key).wantStatus(t, 400)
	}
}

// TestIdempotency_WhatWasRefusedMayBeTriedAgain: it has changed nothing.
func TestIdempotency_WhatWasRefusedMayBeTriedAgain(t *testing.T) {
	f, s := startFake(t, nil)
	inner, failure := f.Wake, ErrBusy
	f.Wake = func(ctx context.Context, id cwmp.DeviceID) (WakeResult, error) {
		if failure != nil {
			return WakeResult{}, failure
		}
		return inner(ctx, id)
	}
	wake := "devices/" + oddDevice.String() + "/connection-request"
	if got := api(t, s, adminToken, "POST", wake, "", headerKey, "k").wantStatus(t, 503); got.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	failure = errors.New("broken")
	api(t, s, adminToken, "POST", wake, "", headerKey, "k").wantStatus(t, 500)
	failure = nil
	if got := api(t, s, adminToken, "POST", wake, "", headerKey, "k").wantStatus(t, 200); got.Header.Get(headerReplay) != "" {
		t.Error("a failure is replayed")
	}
}

// TestIdempotency_AResultOutlivesItsConnection: the client goes away and asks again.
func TestIdempotency_AResultOutlivesItsConnection(t *testing.T) {
	f, s := startFake(t, nil)
	begun, release := make(chan struct{}, 2), make(chan struct{})
	f.Wake = func(ctx context.Context, id cwmp.DeviceID) (WakeResult, error) {
		begun <- struct{}{}
		select {
		case <-ctx.Done():
			return WakeResult{}, ctx.Err()
		case <-release:
			return WakeResult{Device: id.String(), OK: true}, nil
		}
	}
	path := PathAPI + "devices/" + oddDevice.String() + "/connection-request"
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set(headerKey, "k")
	gone := make(chan error, 1)
	go func() {
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		gone <- err
	}()
	<-begun
	if got := ask(t, s, adminToken, "POST", path, "", headerKey, "k").wantStatus(t, 409); got.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	cancel()
	if err := <-gone; err == nil {
		t.Fatal("the client has stayed")
	}
	close(release)
	for {
		status, replayed, body := doWith(s, adminToken, "POST", path, headerKey, "k")
		if status == 409 {
			continue
		}
		if status != 200 || !replayed || !strings.Contains(body, `"ok":true`) {
			t.Errorf("%d %v %s", status, replayed, body)
		}
		break
	}
	if len(begun) != 0 {
		t.Error("the device was woken again")
	}
}

func TestReplays_AreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	s := newReplays()
	s.now = func() time.Time { return now }
	request := sha256.Sum256(nil)
	done := func(key string, size int) {
		t.Helper()
		k := replayKey{"t", key}
		if r, err := s.begin(k, request); r != nil || err != nil {
			t.Fatalf("%s: %v %v", key, r, err)
		}
		w := &recorder{ResponseWriter: httptest.NewRecorder(), keep: true}
		_, _ = w.Write(make([]byte, size))
		s.end(k, w)
	}
	for i := range maxKeys + 100 {
		done(fmt.Sprint("a", i), 1)
	}
	if len(s.kept) > maxKeys || s.order.Len() != len(s.kept) || s.bytes != len(s.kept) {
		t.Errorf("%d keys, %d in order, %d bytes", len(s.kept), s.order.Len(), s.bytes)
	}
	if r, _ := s.begin(replayKey{"t", fmt.Sprint("a", maxKeys+99)}, request); r == nil {
		t.Error("the latest is forgotten")
	}
	for i := range maxKept/maxKeptAnswer + 10 {
		done(fmt.Sprint("b", i), maxKeptAnswer)
	}
	if s.bytes > maxKept {
		t.Errorf("%d bytes", s.bytes)
	}
	done("large", maxKeptAnswer+1)
	if _, err := s.begin(replayKey{"t", "large"}, request); problemOf(err).Status != 409 {
		t.Errorf("an answer that was too large: %v", err)
	}
	// What is under way stays, whatever its age; the rest goes.
	if _, err := s.begin(replayKey{"t", "slow"}, request); err != nil {
		t.Fatal(err)
	}
	now = now.Add(keyLife)
	done("new", 1)
	if len(s.kept) != 2 || s.bytes != 1 {
		t.Errorf("%d keys, %d bytes after a day", len(s.kept), s.bytes)
	}
	if _, err := s.begin(replayKey{"t", "slow"}, request); problemOf(err).Status != 409 {
		t.Errorf("what is under way: %v", err)
	}
}

// TestReplays_OneTokenForgetsItsOwn: neither many keys nor large answers of one push
// out those of another.
func TestReplays_OneTokenForgetsItsOwn(t *testing.T) {
	for name, size := range map[string]int{"keys": 1, "bytes": maxKeptAnswer} {
		t.Run(name, func(t *testing.T) {
			s := newReplays()
			request := sha256.Sum256(nil)
			done := func(token, key string, size int) {
				t.Helper()
				k := replayKey{token, key}
				if r, err := s.begin(k, request); r != nil || err != nil {
					t.Fatalf("%s: %v %v", key, r, err)
				}
				w := &recorder{ResponseWriter: httptest.NewRecorder(), keep: true}
				_, _ = w.Write(make([]byte, size))
				s.end(k, w)
			}
			done("a", "first", 10)
			for i := range maxKeys + 100 {
				done("b", fmt.Sprint(i), size)
			}
			if r, err := s.begin(replayKey{"a", "first"}, request); r == nil || err != nil {
				t.Errorf("it is forgotten: %v", err)
			}
			if len(s.kept) > maxKeys || s.bytes > maxKept || len(s.of) != 2 || s.of["a"] != (usage{1, 10}) {
				t.Errorf("%d keys, %d bytes, %v", len(s.kept), s.bytes, s.of)
			}
		})
	}
}

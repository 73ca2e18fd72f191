package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
)

// speak runs a command against a server in place of a gateway.
func speak(t *testing.T, api http.HandlerFunc, command ...string) (code int, out, errs string) {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	t.Setenv(admin.TokenVariable, "0123456789abcdef01234")
	t.Setenv(addressVariable, strings.TrimPrefix(server.URL, "http://"))
	var o, e bytes.Buffer
	code = program().Dispatch(t.Context(), command, &o, &e)
	return code, o.String(), e.String()
}

// TestPages_AreFollowed to the end, or as far as -limit says.
func TestPages_AreFollowed(t *testing.T) {
	const known = 2500
	for args, want := range map[string]struct{ rows, asked int }{
		"-json": {2500, 3}, "-limit 1 -json": {1, 1}, "-limit 1500 -json": {1500, 2}, "-limit 9999 -json": {2500, 3}, "-limit 1000 -json": {1000, 1},
	} {
		asked := 0
		code, out, errs := speak(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			page := admin.DevicePage{Total: known}
			for n := from; n < min(from+limit, known); n++ {
				page.Devices = append(page.Devices, admin.DeviceRow{Device: fmt.Sprint(n)})
			}
			if from+limit < known {
				page.Next = strconv.Itoa(from + limit)
			}
			_ = json.NewEncoder(w).Encode(page)
		}, append([]string{"devices"}, strings.Fields(args)...)...)
		rows := strings.Count(out, "\n")
		if code != commandline.ExitOK || rows != want.rows || asked != want.asked || errs != "" {
			t.Errorf("%s: exit %d, %d rows in %d pages, want %d in %d\n%s", args, code, rows, asked, want.rows, want.asked, errs)
		}
		if !strings.HasSuffix(out, fmt.Sprintf(`{"device":"%d","oui":"","serial_number":"","sessions":0,"failed":0}`+"\n", want.rows-1)) {
			t.Errorf("%s: the last row is another", args)
		}
	}
}

// What CPEs call themselves does nothing to a terminal.
func TestDevices_AreCleaned(t *testing.T) {
	_, out, _ := speak(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(admin.DevicePage{Devices: []admin.DeviceRow{{Device: "00D09E-a-1", SoftwareVersion: "\x1b]0;own\a1.0\r\n"}}})
	}, "devices")
	if strings.ContainsAny(out, "\x1b\a\r") || strings.Count(out, "\n") != 2 || !strings.Contains(out, "1.0") {
		t.Errorf("printed %q", out)
	}
}

// TestEvents_GoOnWhereTheyEnded: when the gateway ends the stream, the next one
// begins behind the last event; that it refuses is an error.
func TestEvents_GoOnWhereTheyEnded(t *testing.T) {
	var after []string
	code, out, errs := speak(t, func(w http.ResponseWriter, r *http.Request) {
		if after = append(after, r.Header.Get("Last-Event-ID")); len(after) == 3 {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"detail": "the token is gone"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "id: %d\nevent: acs\ndata: {\"id\":%d,\"at\":\"2026-05-01T12:00:00Z\",\"kind\":\"acs\",\"acs\":\"north\",\"text\":\"north is\\u001b down\"}\n\n", len(after), len(after))
		_, _ = io.WriteString(w, "event: lost\ndata: {\"lost\": 7}\n\n")
	}, "events", "-f", "-kind", "acs,session")
	if strings.Join(after, ",") != ",1,2" {
		t.Errorf("asked for events after %q", after)
	}
	if code != commandline.ExitFailure || strings.Count(out, "north is\ufffd down\n") != 2 || strings.Count(errs, "7 events are lost") != 2 ||
		!strings.Contains(errs, "the gateway ended the stream; trying again") || !strings.Contains(errs, "the token is gone") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
}

func TestStatus_FailsWhereSomethingIsInError(t *testing.T) {
	for text, want := range map[string]int{
		`{"ready": true}`: commandline.ExitOK,
		`{"ready": true, "problems": [{"severity": "warning"}]}`: commandline.ExitOK,
		`{"ready": true, "problems": [{"severity": "error"}]}`:   commandline.ExitFailure,
		`{"ready": false, "not_ready": ["it drains"]}`:           commandline.ExitFailure,
	} {
		code, out, _ := speak(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }, "status")
		if code != want || want == commandline.ExitOK != strings.Contains(out, ", ready\n") && !strings.Contains(text, "error") {
			t.Errorf("%s: exit %d\n%s", text, code, out)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 300 * time.Millisecond: "0s", 59 * time.Second: "59s", 3 * time.Minute: "3m",
		3*time.Minute + 20*time.Second: "3m20s", 2 * time.Hour: "2h0m", 47 * time.Hour: "47h0m", 72 * time.Hour: "3 days",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
